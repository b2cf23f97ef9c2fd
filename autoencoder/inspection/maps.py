"""Inspects the sparse maps of a deconvolutional network over a data set.

The network has no encoder to project back through: a coefficient stands for the
filter that it adds to the image. So the page shows a map's largest coefficients
beside its filter in pixels, and the receptive field is the filter's extent.
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
from autoencoder import models
from autoencoder import sparse
from autoencoder.image import metrics as metrics_lib
from autoencoder.inference import predictor
from autoencoder.inspection import activations
from autoencoder.inspection import features
from autoencoder.inspection import numbers
from autoencoder.inspection import receptive_field
from autoencoder.inspection import views
from autoencoder.inspection import windows as windows_lib
from autoencoder.tasks import task as task_lib

# Number of windows, and their side in pixels. Decomposing them takes most of
# the run time, because it uses as many iterations as an evaluation.
WINDOWS, SIDE = 24, 96
# Maps to show over all layers, and largest coefficients of each.
SHOWN, TOP = 240, 9


class Sparsity(NamedTuple):
  """How a layer uses its coefficients.

  Attributes:
    coefficients: number of nonzero coefficients per pixel.
    shares: `[K]`, the share of each map in them; 0 for a dead map.
    effective: effective number of maps, e to the entropy of the shares; 0 if
      there are no coefficients.
    psnr: of the reconstructions from the layer, in dB, mean over windows.
  """

  coefficients: float
  shares: np.ndarray
  effective: float
  psnr: float


class Maps(NamedTuple):
  """The view of a deconvolutional network; see `views.View`.

  Attributes:
    layers: finest first. Activations are magnitudes of coefficients. The `crop`
      of a feature is the normalised image; its `projection` is what its map
      adds to the image there.
    sparsity: of each layer.
    windows: of the data set that were used.
  """

  layers: list[views.LayerView]
  sparsity: list[Sparsity]
  windows: list[windows_lib.Window]

  @property
  def template(self) -> str:
    """See `views.View`."""
    return 'maps.html'

  def numbers(self) -> dict[str, Any]:
    """See `views.View`."""
    layers = [numbers.of_layer(layer) for layer in self.layers]
    for layer, sparsity in zip(layers, self.sparsity):
      layer |= sparsity._asdict() | {
        'shares': numbers.rounded(sparsity.shares),
        'dead': np.flatnonzero(sparsity.shares == 0).tolist(),
      }
    return {'windows': len(self.windows), 'layers': layers}

  def variables(self) -> dict[str, Any]:
    """See `views.View`."""
    return {}


def look(
  model: models.Decomposable,
  task: task_lib.Task,
  config: Any,
  source: Any,
  *,
  progress: Callable[[str], None] = lambda line: None,
) -> Maps:
  """Inspects the maps of a trained network over a data set.

  The same places count as in `activations.survey`.

  Args:
    model: a `models.Decomposable`.
    task: makes the network's inputs.
    config: the experiment's configuration, for evaluation.
    source: the data set.
    progress: called with a line at the start of each part.

  Raises:
    UserError: an image is smaller than a filter or the window of contrast
      normalisation, or weights are not finite.
  """
  for layer in range(model.depth):
    # With such filters, inference would return maps of zeros.
    if not np.isfinite(model.filters(layer)).all():
      raise errors.UserError(
        f'The filters of layer {layer + 1} are not finite: the weights are '
        'damaged, or training diverged. Inspect another checkpoint.'
      )
  fields = [compute_field(model, layer) for layer in range(model.depth)]
  decompose = predictor.compile_with_model(model, _decompose)
  totals: list[Any] = [None] * model.depth
  windows, found, psnr = [], [], []
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
    filters = sparse.in_pixels(model, layer)
    energy = np.square(filters).sum(-1)
    energy = (energy / energy.sum((1, 2), keepdims=True)).mean(0)
    whole = receptive_field.Field(0, field.size, 1)
    channels = _show(model, layer, strongest, windows, found, filters)
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
  model: models.Decomposable, layer: int
) -> receptive_field.Field:
  """Returns the field of the pixels that a coefficient of a layer changes.

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
  """Returns how coefficients are distributed over maps, from their usage."""
  total = float(usage.active.sum())
  shares = usage.active / (total or 1.0)
  used = shares[shares > 0]
  effective = float(np.exp(-(used * np.log(used)).sum())) if total else 0.0
  return Sparsity(total, shares, effective, psnr)


def _map_size(
  window: windows_lib.Window, field: receptive_field.Field
) -> tuple[int, int]:
  """Returns height and width of a window's maps."""
  height, width = (n + field.size - 1 for n in window.inputs.shape[:2])
  return height, width


def _decompose(model, arguments):
  """Returns statistics of each layer, the normalised window, maps and PSNRs."""
  image, boxes = arguments
  found = model.decompose(image[None])
  statistics = [
    activations.statistics(jnp.abs(maps[0]), box)
    for maps, box in zip(found.maps, boxes)
  ]
  psnr = [metrics_lib.psnr(p, image[None])[0] for p in found.pictures]
  return statistics, found.below[0][0], [m[0] for m in found.maps], psnr


def _show(
  model: models.Decomposable,
  layer: int,
  strongest: activations.Strongest,
  windows: Sequence[windows_lib.Window],
  found: Sequence[tuple[np.ndarray, list[np.ndarray]]],
  filters: np.ndarray,
) -> dict[int, features.Channel]:
  """Returns the used maps with the largest coefficients, with their filters."""
  first = strongest.values[:, 0]
  order = np.argsort(-first, kind='stable')[: max(1, SHOWN // model.depth)]
  project = predictor.compile_with_model(
    model, lambda model, maps: model.project(maps, layer)
  )
  spread = filters.shape[1] - 1
  shown = {}
  for channel in order[first[order] > 0].tolist():
    ranks = np.flatnonzero(strongest.values[channel] > 0)
    # Around each coefficient: all that add to the pixels of its filter.
    patches = np.zeros(
      (TOP, 2 * spread + 1, 2 * spread + 1, len(filters)), np.float32
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
      # The coefficient at p adds to the pixels from p - spread on.
      crop = _around(found[number][0], place, spread, spread + 1)
      top, left = (int(at) - spread for at in place)
      size = spread + 1
      box = windows_lib.Box(top, top + size, left, left + size)
      pictures.append(
        features.Feature(
          float(patches[rank, spread, spread, channel]),
          windows[number],
          box,
          0.5 + 0.5 * crop / (np.abs(crop).max() or 1.0),
          made[rank],
        )
      )
    pattern = pictures[0]._replace(projection=filters[channel])
    shown[channel] = features.Channel(pattern, pictures)
  return shown


def _around(array, place, margin: int, side: int) -> np.ndarray:
  """Returns rows and columns from `place - margin` on, padded with zeros."""
  margins = [(margin, margin)] * 2 + [(0, 0)] * (array.ndim - 2)
  top, left = (int(at) for at in place)
  return np.pad(array, margins)[top : top + side, left : left + side]
