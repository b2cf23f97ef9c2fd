"""The strongest activations as pictures: the input there, and its projection.

Each activation is computed again in a patch of its window that is little larger
than its receptive field, and projected back to the pixels of that patch.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from autoencoder import models
from autoencoder.inference import predictor
from autoencoder.inspection import activations
from autoencoder.inspection import projection
from autoencoder.inspection import receptive_field
from autoencoder.inspection import steps as steps_lib
from autoencoder.inspection import windows as windows_lib
from autoencoder.models import inputs

# Upper bound of the pixels projected in one batch.
_BATCH = 2**18


class Feature(NamedTuple):
  """One strong activation.

  Attributes:
    value: the activation.
    window: where it occurs.
    box: rows and columns of the crops in the padded inputs of the window: the
      receptive field, or the window if that is smaller.
    crop: `[B, B, C]`, the network's input there.
    projection: `[B, B, C]`, the activation projected back, around 0.
  """

  value: float
  window: windows_lib.Window
  box: windows_lib.Box
  crop: np.ndarray
  projection: np.ndarray


class Channel(NamedTuple):
  """A channel in pictures.

  Attributes:
    pattern: its strongest activation, projected by the rule 'deconvnet'.
      Without pooling it is the same for all activations, up to a factor.
    strongest: in descending order, with projections by the rule 'guided'.
  """

  pattern: Feature
  strongest: list[Feature]


def show(
  model: models.Inspectable,
  layer: steps_lib.Layer,
  strongest: activations.Strongest,
  windows: Sequence[windows_lib.Window],
  channels: Sequence[int],
) -> dict[int, Channel]:
  """Returns the strongest activations of some channels, with projections.

  Args:
    model: a `models.Inspectable`.
    layer: the channels' layer.
    strongest: its strongest activations, from `activations.survey`.
    windows: those of the survey.
    channels: indices of the channels to show.
  """
  field = receptive_field.compute(steps_lib.encoder_steps(model)[: layer.end])
  jobs = []
  for channel in channels:
    for rank in np.flatnonzero(np.isfinite(strongest.values[channel])):
      rules = ('deconvnet', 'guided') if rank == 0 else ('guided',)
      jobs += [(channel, rank, rule) for rule in rules]
  numbers = {int(strongest.windows[job[:2]]) for job in jobs}
  padded = {
    number: np.asarray(
      inputs.pad(jnp.asarray(windows[number].inputs[None]), model.stride)[0]
    )
    for number in numbers
  }
  sides = tuple(
    min(size, (-(-field.size // field.stride) + 1) * field.stride)
    for size in padded[min(numbers)].shape[:2]
  )
  compiled = predictor.compile_with_model(
    model, lambda model, x: _project(model, layer, x)
  )
  count = int(np.clip(_BATCH // np.prod(sides), 1, len(jobs)))
  found = []
  for start in range(0, len(jobs), count):
    part = jobs[start : start + count]
    # The last batch is filled up, so that all have the same shape.
    batch = part + part[:1] * (count - len(part))
    found += _compute(
      compiled, batch, strongest, windows, padded, field, sides
    )[: len(part)]
  shown = {}
  for (channel, _, rule), feature in zip(jobs, found):
    if rule == 'deconvnet':
      shown[channel] = Channel(feature, [])
    else:
      shown[channel].strongest.append(feature)
  return shown


def _compute(compiled, batch, strongest, windows, padded, field, sides):
  """Returns the features of one batch of `(channel, rank, rule)`."""
  at = [job[:2] for job in batch]
  numbers = [int(strongest.windows[one]) for one in at]
  patches, places, origins = zip(
    *(
      _patch(padded[number], strongest.places[one], field, sides)
      for number, one in zip(numbers, at)
    )
  )
  projections = compiled(
    (
      np.stack(patches),
      np.array(places, np.int32),
      np.array([channel for channel, _ in at], np.int32),
      np.array([projection.RULES[rule] for *_, rule in batch]),
    )
  )
  features = []
  for patch, projected, number, one, place, (top, left) in zip(
    patches, np.asarray(projections), numbers, at, places, origins
  ):
    rows, columns = map(_crop, (field, field), place, sides)
    box = windows_lib.Box(
      top + rows.start, top + rows.stop,
      left + columns.start, left + columns.stop,
    )  # fmt: skip
    features.append(
      Feature(
        float(strongest.values[one]),
        windows[number],
        box,
        patch[rows, columns],
        projected[rows, columns],
      )
    )
  return features


def _patch(image, place, field, sides):
  """Returns a patch with the field of a place, the place in it, and its origin.

  The patch starts at a multiple of the stride, so that strided convolutions
  sample the same pixels as in the window. At the border of the window the patch
  ends with the window, so that both have the same padding there.
  """
  origin = []
  for at, size, side in zip(place, image.shape[:2], sides):
    first = (field.start + int(at) * field.stride) // field.stride
    origin.append(int(np.clip(first * field.stride, 0, size - side)))
  top, left = origin
  patch = image[top : top + sides[0], left : left + sides[1]]
  inner = [int(at) - o // field.stride for at, o in zip(place, origin)]
  return patch, inner, origin


def _crop(field, place: int, size: int) -> slice:
  """Returns the part of a patch's axis that is the field, or the whole axis."""
  first = field.start + place * field.stride
  side = min(field.size, size)
  first = int(np.clip(first, 0, size - side))
  return slice(first, first + side)


def _project(model, layer, arguments):
  """Returns the projection of one place in each patch, by its rule."""
  x, places, channels, rules = arguments
  steps = steps_lib.encoder_steps(model)[: layer.end]
  *_, (features, _) = steps_lib.trace(steps, x)
  at = (jnp.arange(len(x)), places[:, 0], places[:, 1], channels)
  seed = jnp.zeros(features.shape, jnp.float32)
  seed = seed.at[at].set(features[at].astype(jnp.float32))
  forwards, backwards = rules.T[..., None, None, None]
  return projection.project(steps, x, seed, (forwards, backwards))
