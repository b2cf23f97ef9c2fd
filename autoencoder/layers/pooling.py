"""Max-pooling that remembers where, and the unpooling that puts it back.

The decoder of SegNet (Badrinarayanan et al., arXiv:1511.00561) enlarges by
placing each value where the encoder found the maximum, zeros elsewhere.
Windows do not overlap; arrays are `[*batch, *spatial, C]`.
"""

from collections.abc import Sequence
import math

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import shapes


def _split(x: jax.Array, window: Sequence[int]) -> jax.Array:
  """Returns `[*batch, *(spatial / window), prod(window), C]`."""
  rank = len(window)
  batch = x.shape[: -rank - 1]
  spatial, channels = x.shape[-rank - 1 : -1], x.shape[-1]
  start = len(batch)
  coarse = [n // w for n, w in zip(spatial, window)]
  # One axis at a time, which explicit sharding asks for.
  for axis, pair in enumerate(zip(coarse, window)):
    axis = start + 2 * axis
    x = x.reshape(*x.shape[:axis], *pair, *x.shape[axis + 1 :])
  x = x.transpose(
    *range(start),
    *range(start, start + 2 * rank, 2),
    *range(start + 1, start + 2 * rank, 2),
    start + 2 * rank,
  )
  return x.reshape(*batch, *coarse, math.prod(window), channels)


def _join(x: jax.Array, window: Sequence[int]) -> jax.Array:
  """Undoes `_split`."""
  rank = len(window)
  batch, coarse = x.shape[: -rank - 2], x.shape[-rank - 2 : -2]
  start = len(batch)
  x = x.reshape(*batch, *coarse, *window, x.shape[-1])
  pairs = [start + a for i in range(rank) for a in (i, rank + i)]
  x = x.transpose(*range(start), *pairs, start + 2 * rank)
  for axis, (n, w) in enumerate(zip(coarse, window), start):
    x = x.reshape(*x.shape[:axis], n * w, *x.shape[axis + 2 :])
  return x


def _is_at(switches: jax.Array, shape: Sequence[int]) -> jax.Array:
  """Returns a mask of `shape`: where in its window each switch points."""
  places = lax.broadcasted_iota(jnp.int32, shape, len(shape) - 2)
  return places == jnp.expand_dims(switches, -2)


def _zero(x: jax.Array) -> jax.Array:
  return jnp.zeros((), x.dtype)


class MaxPool(nnx.Module):
  """Largest value of each window, and its place in it (the switch).

  NOTE: what does not fill a window at the end of an axis is dropped, as in
  Flax's and PyTorch's pooling.

  Args:
    window_shape: window, or one size per spatial axis.
    rank: number of spatial axes, where `window_shape` is an integer.

  Reference:
    Zeiler and Fergus, arXiv:1311.2901, section 2.1, for the switches.

  Example::

    >>> import jax.numpy as jnp
    >>> x = jnp.array([[1., 4.], [2., 3.]]).reshape(1, 2, 2, 1)
    >>> values, switches = MaxPool((2, 2))(x)
    >>> values.item(), switches.item()
    (4.0, 1)
    >>> MaxUnpool((2, 2))(values, switches)[0, ..., 0].tolist()
    [[0.0, 4.0], [0.0, 0.0]]
  """

  def __init__(self, window_shape: shapes.Ints, *, rank: int = 2):
    if not isinstance(window_shape, int):
      rank = len(window_shape)
    self.window_shape = shapes.per_axis(window_shape, rank, 'window_shape')

  def __call__(self, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Applies the layer.

    Args:
      inputs: `[*batch, *spatial, C]` array.

    Returns:
      The maxima, `[*batch, *(spatial // window), C]`, and int32 switches of
      the same shape: row-major place in the window, the first of equals.

    Raises:
      ValueError: if a spatial axis is smaller than its window.
    """
    rank = len(self.window_shape)
    spatial = inputs.shape[-rank - 1 : -1]
    if inputs.ndim < rank + 1 or any(
      n < w for n, w in zip(spatial, self.window_shape)
    ):
      raise ValueError(
        f'window_shape {self.window_shape} needs {rank} spatial axes at least '
        f'as large, got inputs {inputs.shape}.'
      )
    kept = tuple(slice(n // w * w) for n, w in zip(spatial, self.window_shape))
    windows = _split(inputs[(..., *kept, slice(None))], self.window_shape)
    switches = lax.argmax(windows, windows.ndim - 2, jnp.int32)
    # A masked sum rather than a gather, whose gradient is a slow scatter.
    found = jnp.where(_is_at(switches, windows.shape), windows, _zero(windows))
    return found.sum(-2, dtype=inputs.dtype), switches


class MaxUnpool(nnx.Module):
  """Places each value where `MaxPool` found it, zeros elsewhere.

  NOTE: this is the transpose of `MaxPool` with its switches held fixed.

  Args:
    window_shape: window, or one size per spatial axis.
    rank: number of spatial axes, where `window_shape` is an integer.

  Reference:
    Badrinarayanan et al., SegNet, arXiv:1511.00561, section 3.

  Example: see `MaxPool`.
  """

  def __init__(self, window_shape: shapes.Ints, *, rank: int = 2):
    if not isinstance(window_shape, int):
      rank = len(window_shape)
    self.window_shape = shapes.per_axis(window_shape, rank, 'window_shape')

  def __call__(
    self,
    inputs: jax.Array,
    switches: jax.Array,
    *,
    output_shape: Sequence[int] | None = None,
  ) -> jax.Array:
    """Applies the layer.

    Args:
      inputs: `[*batch, *spatial, C]` array.
      switches: int32 array of the same shape, from `MaxPool`.
      output_shape: spatial shape that was pooled, `None` for whole windows.

    Returns:
      `[*batch, *(spatial * window), C]` array, or with `output_shape` as its
      spatial shape.

    Raises:
      ValueError: if the shapes of `inputs`, `switches` and `output_shape` do
        not fit.
    """
    rank = len(self.window_shape)
    if inputs.ndim < rank + 1 or inputs.shape != switches.shape:
      raise ValueError(
        f'inputs and switches need one shape with {rank} spatial axes, got '
        f'{inputs.shape} and {switches.shape}.'
      )
    *outer, channels = inputs.shape
    mask = _is_at(switches, (*outer, math.prod(self.window_shape), channels))
    placed = jnp.where(mask, jnp.expand_dims(inputs, -2), _zero(inputs))
    y = _join(placed, self.window_shape)
    if output_shape is None:
      return y
    if len(output_shape) != rank:
      raise ValueError(
        f'output_shape needs {rank} sizes, one per spatial axis of the window '
        f'{self.window_shape}, got {tuple(output_shape)}.'
      )
    spatial = y.shape[-rank - 1 : -1]
    extra = [o - n for o, n in zip(output_shape, spatial)]
    if any(not 0 <= e < w for e, w in zip(extra, self.window_shape)):
      raise ValueError(
        f'MaxPool of window {self.window_shape} maps no {tuple(output_shape)} '
        f'to {inputs.shape[-rank - 1 : -1]}.'
      )
    edges = [(0, 0)] * (y.ndim - rank - 1) + [(0, e) for e in extra] + [(0, 0)]
    return jnp.pad(y, edges)
