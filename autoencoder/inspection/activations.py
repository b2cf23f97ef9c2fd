"""Statistics of every channel of an encoder over a data set.

They take one pass over the data set, window by window, in memory that does not
grow with the data set.
"""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors
from autoencoder import models
from autoencoder.inference import predictor
from autoencoder.inspection import receptive_field
from autoencoder.inspection import steps as steps_lib
from autoencoder.inspection import windows as windows_lib
from autoencoder.models import inputs

# A place at least this share of a window away from the image's border counts,
# however large its receptive field is.
_MARGIN = 0.25

# Places per window whose latent is kept.
_SAMPLES = 1024


class Usage(NamedTuple):
  """How a layer's channels are used over a data set, `[C]` each.

  Attributes:
    mean: of the activations.
    deviation: standard deviation of the activations.
    active: share of places with an activation above 0.
  """

  mean: np.ndarray
  deviation: np.ndarray
  active: np.ndarray


class Strongest(NamedTuple):
  """The largest activations of each channel, at most one per window.

  Attributes:
    values: `[C, k]`, in descending order; -inf if there are fewer windows.
    windows: `[C, k]`, number of the window.
    places: `[C, k, 2]`, row and column in the layer.
  """

  values: np.ndarray
  windows: np.ndarray
  places: np.ndarray


# Sums by name, and the largest activations, of the windows seen so far.
Total = tuple[dict[str, np.ndarray], Strongest]


class Survey(NamedTuple):
  """The result of one pass.

  Attributes:
    layers: `{name: (Usage, Strongest)}`.
    latent: `[n, C]`, the latent at `n` places spread over the windows.
    windows: the windows seen.
  """

  layers: dict[str, tuple[Usage, Strongest]]
  latent: np.ndarray
  windows: list[windows_lib.Window]


def survey(
  model: models.Inspectable,
  windows: Iterable[windows_lib.Window],
  *,
  top: int = 9,
) -> Survey:
  """Computes statistics of every channel of every layer of a model's encoder.

  Near the border of an image, convolutions see padding and respond to its edge.
  So a place counts only if it is in a window's own part of the image, and its
  receptive field is inside the image; for large fields, a distance of a quarter
  of a window from the border is enough.

  Args:
    model: a `models.Inspectable`.
    windows: all of one size.
    top: number of strongest activations to keep for each channel.

  Raises:
    UserError: the model has no encoder to inspect, or activations are not
      finite.

  Example:

    found = survey(model, windows.cut(task, config, source, count=64))
    usage, strongest = found.layers['block0_0.relu']
  """
  steps = steps_lib.encoder_steps(model)
  layers = steps_lib.find_layers(steps)
  fields = [receptive_field.compute(steps[: layer.end]) for layer in layers]
  look = predictor.compile_with_model(model, _look)
  totals: list[Any] = [None] * len(layers)
  latents, seen = [], []
  for number, window in enumerate(windows):
    shape = padded_shape(window.inputs.shape, model.stride)
    boxes = [place_range(field, window, shape) for field in fields]
    found, latent = look((window.inputs, np.array(boxes, np.int32)))
    for index, one in enumerate(jax.device_get(found)):
      if not np.isfinite(one['square']).all():
        raise errors.UserError(
          f'Activations of {layers[index].name} for image {window.name!r} are '
          'not finite: the weights are damaged, or training diverged. Inspect '
          'another checkpoint.'
        )
      totals[index] = merge(totals[index], one, number, top)
    latents.append(_sample(np.asarray(latent), boxes[-1]))
    seen.append(window)
  result = {
    layer.name: summarise(total) for layer, total in zip(layers, totals)
  }
  return Survey(result, np.concatenate(latents), seen)


def padded_shape(shape: Sequence[int], stride: int) -> tuple[int, int]:
  """Returns height and width after the network's padding."""
  height, width = (size + -size % stride for size in shape[:2])
  return height, width


def place_range(
  field: receptive_field.Field,
  window: windows_lib.Window,
  shape: tuple[int, int],
) -> tuple[int, int, int, int]:
  """Returns the places of a window that count: rows and columns, half open.

  Args:
    field: of the layer.
    window: has its own part and the extent of the image.
    shape: height and width of the window's inputs, padded.
  """
  own, image = window.own, window.image
  result = []
  for size, (low, high), (start, end) in zip(
    shape, (own[:2], own[2:]), (image[:2], image[2:])
  ):
    margin = min(field.size / 2, _MARGIN * min(size, end - start))
    centers = field.center(np.arange(size // field.stride))
    mine = (centers >= low) & (centers < high)
    inside = mine & (centers >= start + margin) & (centers <= end - margin)
    # In a small image no place may qualify: then relax the conditions.
    for choice in (inside, mine, np.ones_like(mine)):
      if choice.any():
        break
    places = np.flatnonzero(choice)
    result += [int(places[0]), int(places[-1]) + 1]
  top, bottom, left, right = result
  return top, bottom, left, right


def _look(model, arguments):
  """Returns statistics of each layer in one window, and the latent."""
  image, boxes = arguments
  steps = steps_lib.encoder_steps(model)
  ends = {layer.end: i for i, layer in enumerate(steps_lib.find_layers(steps))}
  x = inputs.pad(image[None], model.stride)
  found = []
  for end, (features, _) in enumerate(steps_lib.trace(steps, x), start=1):
    if end in ends:
      one = features[0].astype(jnp.float32)
      found.append(statistics(one, boxes[ends[end]]))
  return found, one


def statistics(features: jax.Array, box: jax.Array) -> dict[str, jax.Array]:
  """Returns sums of each channel within a box, and its maximum and its place.

  Args:
    features: `[H, W, C]` float32.
    box: first row, end of the rows, first column, end of the columns.
  """
  height, width, channels = features.shape
  rows, columns = jnp.arange(height), jnp.arange(width)
  inside = ((rows >= box[0]) & (rows < box[1]))[:, None] & (
    (columns >= box[2]) & (columns < box[3])
  )[None]
  flat = features.reshape(-1, channels)
  inside = inside.reshape(-1, 1)
  masked = jnp.where(inside, flat, -jnp.inf)
  counted = jnp.where(inside, flat, 0.0)
  at = masked.argmax(0)
  return {
    'count': inside.sum(),
    'sum': counted.sum(0),
    'square': (counted**2).sum(0),
    'active': (counted > 0).sum(0),
    'value': masked.max(0),
    'place': jnp.stack([at // width, at % width], -1),
  }


def merge(
  total: Total | None, one: dict[str, np.ndarray], number: int, top: int
) -> Total:
  """Returns totals with one more window: sums, and the largest values.

  Args:
    total: from this function for the windows before; None at first.
    one: `statistics` of the window.
    number: of the window.
    top: number of largest values to keep of each channel.
  """
  sums = {
    name: np.asarray(one[name], np.float64)
    for name in ('count', 'sum', 'square', 'active')
  }
  largest = Strongest(
    one['value'][:, None],
    np.full((len(one['value']), 1), number),
    one['place'][:, None],
  )
  if total is not None:
    sums = {name: total[0][name] + value for name, value in sums.items()}
    values, windows, places = (
      np.concatenate([old, new], 1) for old, new in zip(total[1], largest)
    )
    # A stable sort keeps the first of equal values.
    order = np.argsort(-values, 1, kind='stable')[:, :top]
    largest = Strongest(
      np.take_along_axis(values, order, 1),
      np.take_along_axis(windows, order, 1),
      np.take_along_axis(places, order[..., None], 1),
    )
  return sums, largest


def summarise(total: Total) -> tuple[Usage, Strongest]:
  """Returns the statistics that `merge` has accumulated."""
  sums, largest = total
  mean = sums['sum'] / sums['count']
  variance = np.maximum(sums['square'] / sums['count'] - mean**2, 0)
  usage = Usage(mean, np.sqrt(variance), sums['active'] / sums['count'])
  return usage, largest


def _sample(latent: np.ndarray, box: Sequence[int]) -> np.ndarray:
  """Returns the latent at evenly spaced places of a box, `[n, C]`."""
  top, bottom, left, right = box
  flat = latent[top:bottom, left:right].reshape(-1, latent.shape[-1])
  return flat[:: -(-len(flat) // _SAMPLES)]
