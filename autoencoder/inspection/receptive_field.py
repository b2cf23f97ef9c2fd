"""Receptive fields: which pixels can influence a feature, and which do."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
from jax import lax
import numpy as np

from autoencoder.inspection import projection
from autoencoder.inspection import steps as steps_lib

# Share of the squared gradient inside the effective field.
SHARE = 0.95


class Field(NamedTuple):
  """The receptive fields of a layer along each axis, in pixels.

  Attributes:
    start: first pixel of place 0's field; negative if it starts in the padding.
    size: of the field.
    stride: distance between the fields of neighbouring places.
  """

  start: int
  size: int
  stride: int

  def center(self, place):
    """Returns the coordinate of the centre; that of pixel 0 is 0.5."""
    return self.start + place * self.stride + self.size / 2


def compute(steps: Sequence[steps_lib.Step]) -> Field:
  """Returns the field that kernels, strides and dilations imply.

  NOTE: Height and width must be multiples of the total stride. For others,
  'SAME' padding may start one pixel later.

  References:
    Araujo et al., "Computing receptive fields of convolutional neural
    networks", Distill 2019.

  Example:

    >>> compute(encoder_steps(model))
    Field(start=-31, size=70, stride=8)
  """
  start, end, stride = 0, 1, 1
  saved = []
  for step in steps:
    if step.kind == 'conv':
      (size, *_), (jump, *_), (gap, *_) = steps_lib.geometry(step.layer)
      before = _padding_before(step.layer.padding, (size - 1) * gap + 1, jump)
      start -= before * stride
      # `end` is the end of place 0's field.
      end += ((size - 1) * gap - before) * stride
      stride *= jump
    elif step.kind == 'pool':
      window = step.layer.window_shape[0]
      end += (window - 1) * stride
      stride *= window
    elif step.kind == 'fork':
      saved.append((start, end))
    elif step.kind == 'join':
      first, last = saved.pop()
      start, end = min(start, first), max(end, last)
  return Field(start, end - start, stride)


def _padding_before(padding, extent: int, stride: int) -> int:
  """Returns the padding before an axis whose size `stride` divides."""
  if isinstance(padding, int):
    return padding
  if not isinstance(padding, str):
    first = padding[0]
    return first if isinstance(first, int) else first[0]
  # An axis of `extent` windows is long enough for the usual 'SAME' padding.
  ((before, _),) = lax.padtype_to_pads(
    (stride * extent,), (extent,), (stride,), padding
  )
  return before


class Measured(NamedTuple):
  """The receptive field that the gradient of one place shows.

  Attributes:
    first: row and column of the first pixel with a gradient.
    last: row and column of the last one.
    effective: side of the square around the centre of the computed field that
      holds `SHARE` of the squared gradient.
  """

  first: tuple[int, int]
  last: tuple[int, int]
  effective: int


def gradient_energy(
  steps: Sequence[steps_lib.Step],
  x: jax.Array,
  key: jax.Array,
  place: tuple[jax.Array, jax.Array],
) -> jax.Array:
  """Returns the squared gradient of the features at a place, `[H, W]`.

  It is the sum over the image's channels of the mean over images, with a random
  sign for each feature channel.

  Args:
    steps: the part of the encoder up to the features.
    x: `[N, H, W, C]`.
    key: of the signs.
    place: row and column of the features.

  References:
    Luo et al., "Understanding the effective receptive field in deep
    convolutional neural networks", arXiv:1701.04128.
  """
  *_, (features, _) = steps_lib.trace(steps, x)
  signs = jax.random.rademacher(key, features.shape[::3], features.dtype)
  seed = jax.numpy.zeros_like(features).at[:, place[0], place[1]].set(signs)
  gradient = projection.project(steps, x, seed, projection.RULES['gradient'])
  return (gradient**2).sum(-1).mean(0)


def cut(energy: np.ndarray, field: Field, place: tuple[int, int]) -> np.ndarray:
  """Returns the part of `gradient_energy` in the field, `[size, size]`.

  Pixels of the field outside the image are 0. So the centre of the field is the
  centre of the result, and results of several places can be added.
  """
  result = np.zeros((field.size, field.size), energy.dtype)
  source, target = [], []
  for size, at in zip(energy.shape, place):
    first = field.start + int(at) * field.stride
    low, high = np.clip((first, first + field.size), 0, size).tolist()
    source.append(slice(low, high))
    target.append(slice(low - first, high - first))
  result[tuple(target)] = energy[tuple(source)]
  return result


def measure(
  energy: np.ndarray, field: Field, place: tuple[int, int]
) -> Measured | None:
  """Returns the extent of `gradient_energy`, or None if it is 0 everywhere.

  Args:
    energy: `[H, W]`.
    field: the computed field, which gives the centre.
    place: row and column of the features.
  """
  rows, columns = (np.flatnonzero(energy.any(axis)) for axis in (1, 0))
  if not rows.size:
    return None
  y, x = (
    np.abs(np.arange(size) + 0.5 - field.center(at))
    for size, at in zip(energy.shape, place)
  )
  distance = np.maximum(y[:, None], x[None])
  order = np.argsort(distance, axis=None)
  held = np.cumsum(energy.ravel()[order].astype(np.float64))
  reached = distance.ravel()[order][np.argmax(held >= SHARE * held[-1])]
  return Measured(
    (int(rows[0]), int(columns[0])),
    (int(rows[-1]), int(columns[-1])),
    int(2 * reached + 1),
  )
