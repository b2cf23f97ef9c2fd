"""Every channel of a network over a data set: how much, how often, and where.

One pass, window by window; what is kept does not grow with the data set.
"""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors
from autoencoder.inference import predictor
from autoencoder.inspection import receptive_field
from autoencoder.inspection import steps as steps_lib
from autoencoder.inspection import windows as windows_lib
from autoencoder.models import inputs

# A place this share of a window away from the image's border counts, however
# large its field is.
_MARGIN = 0.25

# Places of each window whose latent is kept.
_SAMPLES = 1024


class Usage(NamedTuple):
  """What a layer's channels do over a data set, `[C]` each.

  Attributes:
    mean: of the activations.
    deviation: their standard deviation.
    active: share of places where the activation is above 0.
  """

  mean: np.ndarray
  deviation: np.ndarray
  active: np.ndarray


class Strongest(NamedTuple):
  """The largest activations of each channel, one from a window at the most.

  Attributes:
    values: `[C, k]`, falling; -inf where there are fewer windows.
    windows: `[C, k]`, number of the window.
    places: `[C, k, 2]`, row and column in the layer.
  """

  values: np.ndarray
  windows: np.ndarray
  places: np.ndarray


class Survey(NamedTuple):
  """What one pass finds.

  Attributes:
    layers: `{name: (Usage, Strongest)}`.
    latent: `[n, C]`, the latent at `n` places spread over the windows.
    windows: those that were seen.
  """

  layers: dict[str, tuple[Usage, Strongest]]
  latent: np.ndarray
  windows: list[windows_lib.Window]


def survey(
  model: nnx.Module,
  windows: Iterable[windows_lib.Window],
  *,
  top: int = 9,
) -> Survey:
  """Looks at every channel of every layer of a model's encoder.

  Counted are places in a window's own part of the image whose receptive field
  lies inside the image, or, of a larger field, that are a quarter of a window
  from its border: beyond it a convolution sees zeros, and edges to them.

  Args:
    model: see `steps.encoder_steps`.
    windows: all of one size.
    top: how many strongest activations to keep for each channel.

  Raises:
    ValueError: a model without encoder, or activations that are not finite.

  Example:

    found = survey(model, windows.cut(task, config, source, count=64))
    usage, strongest = found.layers['block0_0.relu']
  """
  steps = steps_lib.encoder_steps(model)
  layers = steps_lib.find_layers(steps)
  fields = [receptive_field.compute(steps[: layer.end]) for layer in layers]
  look = predictor.compile_with_model(model, _look)
  totals = [None] * len(layers)
  latents, seen = [], []
  for number, window in enumerate(windows):
    shape = padded_shape(window.inputs.shape, model.stride)
    boxes = [place_range(field, window, shape) for field in fields]
    found, latent = look((window.inputs, np.array(boxes, np.int32)))
    for index, one in enumerate(jax.device_get(found)):
      if not np.isfinite(one['square']).all():
        raise errors.UserError(
          f'{layers[index].name} answers image {window.name!r} with numbers '
          'that are not finite: the weights are damaged, or training diverged.'
        )
      totals[index] = merge(totals[index], one, number, top)
    latents.append(_sample(np.asarray(latent), boxes[-1]))
    seen.append(window)
  result = {
    layer.name: summarise(total) for layer, total in zip(layers, totals)
  }
  return Survey(result, np.concatenate(latents), seen)


def padded_shape(shape: Sequence[int], stride: int) -> tuple[int, int]:
  """Returns H and W as the network pads them."""
  return tuple(size + -size % stride for size in shape[:2])


def place_range(
  field: receptive_field.Field,
  window: windows_lib.Window,
  shape: tuple[int, int],
) -> tuple[int, int, int, int]:
  """Returns the places of a window that count: rows and columns, half open.

  Args:
    field: of the layer.
    window: gives its own part and where the image is.
    shape: H and W of the window's inputs, padded.
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
    # In an image that is smaller than a place, all there is.
    for choice in (inside, mine, np.ones_like(mine)):
      if choice.any():
        break
    places = np.flatnonzero(choice)
    result += [int(places[0]), int(places[-1]) + 1]
  return tuple(result)


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
  """Returns the sums and the largest value of each channel in a box.

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


def merge(total, one, number: int, top: int):
  """Adds a window to the sums, and to the largest values, of those before.

  Args:
    total: what this returned for the windows before, or None.
    one: `statistics` of the window.
    number: of the window.
    top: how many largest values are kept of each channel.
  """
  sums = {
    name: np.asarray(one[name], np.float64)
    for name in ('count', 'sum', 'square', 'active')
  }
  largest = (
    one['value'][:, None],
    np.full((len(one['value']), 1), number),
    one['place'][:, None],
  )
  if total is not None:
    sums = {name: total[0][name] + value for name, value in sums.items()}
    largest = tuple(map(
      lambda old, new: np.concatenate([old, new], 1), total[1], largest
    ))  # fmt: skip
    # Stable: of equals, the first seen.
    order = np.argsort(-largest[0], 1, kind='stable')[:, :top]
    largest = tuple(
      np.take_along_axis(x, order[..., None] if x.ndim == 3 else order, 1)
      for x in largest
    )
  return sums, largest


def summarise(total) -> tuple[Usage, Strongest]:
  """Returns what `merge` has gathered."""
  sums, largest = total
  mean = sums['sum'] / sums['count']
  variance = np.maximum(sums['square'] / sums['count'] - mean**2, 0)
  usage = Usage(mean, np.sqrt(variance), sums['active'] / sums['count'])
  return usage, Strongest(*largest)


def _sample(latent: np.ndarray, box: Sequence[int]) -> np.ndarray:
  """Returns the latent at places of a box, evenly spaced, `[n, C]`."""
  top, bottom, left, right = box
  flat = latent[top:bottom, left:right].reshape(-1, latent.shape[-1])
  return flat[:: -(-len(flat) // _SAMPLES)]
