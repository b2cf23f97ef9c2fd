"""A deconvolutional network over a data set: what its maps are used for.

There is no encoder to walk back through: what a coefficient stands for is the
filter that it paints. So a map's strongest coefficients are shown beside that
filter in pixels, and the receptive field is the filter's extent.
"""

from collections.abc import Callable
from collections.abc import Sequence
import functools
from typing import Any
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors
from autoencoder import sparse
from autoencoder.image import metrics as metrics_lib
from autoencoder.inference import predictor
from autoencoder.inspection import activations
from autoencoder.inspection import features
from autoencoder.inspection import receptive_field
from autoencoder.inspection import views
from autoencoder.inspection import windows as windows_lib
from autoencoder.tasks import task as task_lib

# Windows looked at, and their side in pixels: all are decomposed with as many
# steps as when measuring, so that they are most of the time.
WINDOWS, SIDE = 24, 96
# Maps shown, over all layers, and strongest coefficients of each.
SHOWN, TOP = 240, 9


class Sparsity(NamedTuple):
  """How a layer spends its coefficients.

  Attributes:
    coefficients: a pixel, those that are not 0.
    shares: `[K]`, the part of them in each map; 0 is a dead map.
    effective: how many maps, used alike, would be spread as much: e to the
      entropy of the shares; 0 where there are no coefficients.
    psnr: of the pictures made of the layer, dB, mean over windows.
  """

  coefficients: float
  shares: np.ndarray
  effective: float
  psnr: float


class Maps(NamedTuple):
  """What there is to see.

  Attributes:
    layers: finest first. Activations are the sizes of coefficients; `crop` of a
      feature is the normalised image, `projection` what its map paints there.
    sparsity: of each layer.
    windows: that were looked at.
  """

  layers: list[views.LayerView]
  sparsity: list[Sparsity]
  windows: list[windows_lib.Window]


def look(
  model: sparse.DeconvolutionalNetwork,
  task: task_lib.Task,
  config: Any,
  source: Any,
  *,
  progress: Callable[[str], None] = lambda line: None,
) -> Maps:
  """Looks at the maps of a trained network over a data set.

  Counted are places as `activations.survey` counts them.

  Args:
    model: the network.
    task: makes inputs of images.
    config: the experiment's, for evaluation.
    source: the data set.
    progress: gets a line at the start of each part.

  Raises:
    ValueError: images that are smaller than a filter or a window of contrast,
      or weights that are not finite.
  """
  for layer in range(model.depth):
    # Of such filters inference would return maps of zeros.
    if not np.isfinite(model.filters(layer)).all():
      raise errors.UserError(
        f'The filters of layer {layer + 1} are not finite: the weights are '
        'damaged, or training diverged.'
      )
  fields = [compute_field(model, layer) for layer in range(model.depth)]
  decompose = predictor.compile_with_model(model, _decompose)
  totals, psnr = [None] * model.depth, []
  windows, found = [], []
  progress('Maps')
  cut = windows_lib.cut(task, config, source, count=WINDOWS, side=SIDE)
  for number, window in enumerate(cut):
    boxes = [
      activations.place_range(field, window, _map_size(window, field))
      for field in fields
    ]
    try:
      statistics, *rest, quality = jax.device_get(
        decompose((window.inputs, np.array(boxes, np.int32)))
      )
    except ValueError as error:
      raise errors.UserError(f'image {window.name!r}: {error}') from error
    for layer, one in enumerate(statistics):
      totals[layer] = activations.merge(totals[layer], one, number, TOP)
    windows.append(window)
    found.append(rest)
    psnr.append(quality)
  layers, sparsity = [], []
  for layer, (field, total) in enumerate(zip(fields, totals)):
    progress(f'Filters of layer {layer + 1}')
    usage, strongest = activations.summarise(total)
    sparsity.append(describe(usage, float(np.mean(psnr, axis=0)[layer])))
    painted = sparse.in_pixels(model, layer)
    energy = np.square(painted).sum(-1)
    energy = (energy / energy.sum((1, 2), keepdims=True)).mean(0)
    whole = receptive_field.Field(0, field.size, 1)
    channels = _show(model, layer, strongest, windows, found, painted)
    layers.append(
      views.LayerView(
        f'layer {layer + 1}',
        'maps',
        field,
        receptive_field.measure(energy, whole, (0, 0)),
        energy,
        usage,
        strongest,
        channels,
      )
    )
  return Maps(layers, sparsity, windows)


def compute_field(
  model: sparse.DeconvolutionalNetwork, layer: int
) -> receptive_field.Field:
  """Returns the pixels that a coefficient of a layer paints.

  Example:

    >>> compute_field(model, 0)  # Filters of 7 x 7.
    Field(start=-6, size=7, stride=1)
  """
  shapes = [
    jax.eval_shape(functools.partial(model.filters, at)).shape
    for at in range(layer + 1)
  ]
  spread = sum(shape[0] - 1 for shape in shapes)
  return receptive_field.Field(-spread, spread + 1, 1)


def describe(usage: activations.Usage, psnr: float) -> Sparsity:
  """Returns how coefficients are spread over maps, from their usage."""
  total = float(usage.active.sum())
  shares = usage.active / (total or 1.0)
  used = shares[shares > 0]
  effective = float(np.exp(-(used * np.log(used)).sum())) if total else 0.0
  return Sparsity(total, shares, effective, psnr)


def _map_size(window, field) -> tuple[int, int]:
  """Returns H and W of the maps of a window."""
  return tuple(side + field.size - 1 for side in window.inputs.shape[:2])


def _decompose(model, arguments):
  """Returns statistics of each layer, the normalised window, maps, PSNRs."""
  image, boxes = arguments
  found = model.decompose(image[None])
  statistics = [
    activations.statistics(jnp.abs(maps[0]), box)
    for maps, box in zip(found.maps, boxes)
  ]
  psnr = [metrics_lib.psnr(p, image[None])[0] for p in found.pictures]
  return statistics, found.below[0][0], [m[0] for m in found.maps], psnr


def _show(
  model: sparse.DeconvolutionalNetwork,
  layer: int,
  strongest: activations.Strongest,
  windows: Sequence[windows_lib.Window],
  found: Sequence[tuple[np.ndarray, list[np.ndarray]]],
  painted: np.ndarray,
) -> dict[int, features.Channel]:
  """Returns the maps that are used, the largest first, with their filters."""
  first = strongest.values[:, 0]
  order = np.argsort(-first, kind='stable')[: max(1, SHOWN // model.depth)]
  project = predictor.compile_with_model(
    model, lambda model, maps: model.project(maps, layer)
  )
  spread = painted.shape[1] - 1
  shown = {}
  for channel in order[first[order] > 0].tolist():
    ranks = np.flatnonzero(strongest.values[channel] > 0)
    # Around each: all that paints on the pixels of its filter.
    patches = np.zeros(
      (TOP, 2 * spread + 1, 2 * spread + 1, len(painted)), np.float32
    )
    for rank in ranks:
      maps = found[strongest.windows[channel, rank]][1][layer][..., channel]
      patches[rank, ..., channel] = _around(
        maps, strongest.places[channel, rank], spread, 2 * spread + 1
      )
    made = np.asarray(project(patches))
    pictures = []
    for rank in ranks:
      number, place = (
        int(strongest.windows[channel, rank]), strongest.places[channel, rank]
      )  # fmt: skip
      # Pixel p - spread is the first that place p paints.
      crop = _around(found[number][0], place, spread, spread + 1)
      box = windows_lib.Box(
        *(int(at) + edge for at in place for edge in (-spread, 1))
      )
      pictures.append(
        features.Feature(
          float(patches[rank, spread, spread, channel]),
          windows[number],
          box,
          0.5 + 0.5 * crop / (np.abs(crop).max() or 1.0),
          made[rank],
        )
      )
    pattern = pictures[0]._replace(projection=painted[channel])
    shown[channel] = features.Channel(pattern, pictures)
  return shown


def _around(array, place, margin: int, side: int) -> np.ndarray:
  """Returns rows and columns from `place - margin` on, zeros beyond."""
  margins = [(margin, margin)] * 2 + [(0, 0)] * (array.ndim - 2)
  top, left = (int(at) for at in place)
  return np.pad(array, margins)[top : top + side, left : left + side]
