"""Max-pooling that remembers positions, and the unpooling that restores them.

The decoder of SegNet (Badrinarayanan et al., arXiv:1511.00561) enlarges by
placing each value where the encoder found the maximum, with zeros elsewhere.
Windows do not overlap; arrays are `[*batch, *spatial, C]`.
"""

from collections.abc import Sequence
import math

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers import shapes
from autoencoder.layers.lowerings import polyphase


def _is_at(switches: jax.Array, shape: Sequence[int]) -> jax.Array:
  """Returns a mask of `shape` that is true where a switch points."""
  places = lax.broadcasted_iota(jnp.int32, shape, len(shape) - 2)
  return places == jnp.expand_dims(switches, -2)


class _Pool(nnx.Module):
  """A layer with a window."""

  def __init__(self, window_shape: shapes.Ints, *, rank: int = 2):
    if not isinstance(window_shape, int):
      rank = len(window_shape)
    self.window_shape = shapes.per_axis(window_shape, rank, 'window_shape')


class MaxPool(_Pool):
  """The largest value of each window, and its position in it (the switch).

  NOTE: Elements at the end of an axis that do not fill a window are dropped, as
  in Flax's and PyTorch's pooling.

  Args:
    window_shape: window, or one size per spatial axis.
    rank: number of spatial axes if `window_shape` is an integer.

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

  def __call__(self, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Applies the layer.

    Args:
      inputs: `[*batch, *spatial, C]` array.

    Returns:
      The maxima, `[*batch, *(spatial // window), C]`, and int32 switches of
      the same shape: row-major position in the window, the first of equals.

    Raises:
      ValueError: if a spatial axis is smaller than its window.
    """
    window = self.window_shape
    rank = len(window)
    *batch, channels = inputs.shape
    batch, spatial = batch[:-rank], batch[-rank:]
    if inputs.ndim <= rank or any(n < w for n, w in zip(spatial, window)):
      raise ValueError(
        f'inputs need {rank} spatial axes at least as large as window_shape '
        f'{window}, got {inputs.shape}.'
      )
    kept = [n // w * w for n, w in zip(spatial, window)]
    x = inputs.reshape(math.prod(batch), *spatial, channels)
    x = polyphase.pixels_to_phases(x[(slice(None), *map(slice, kept))], window)
    windows = x.reshape(*batch, *x.shape[1:-1], math.prod(window), channels)
    switches = lax.argmax(windows, windows.ndim - 2, jnp.int32)
    # A masked sum rather than a gather, whose gradient is a slow scatter.
    zero = jnp.zeros((), inputs.dtype)
    found = jnp.where(_is_at(switches, windows.shape), windows, zero)
    return found.sum(-2, dtype=inputs.dtype), switches


class MaxUnpool(_Pool):
  """Places each value where `MaxPool` found it, with zeros elsewhere.

  NOTE: This is the transpose of `MaxPool` with fixed switches.

  Args:
    window_shape: window, or one size per spatial axis.
    rank: number of spatial axes if `window_shape` is an integer.

  Reference:
    Badrinarayanan et al., SegNet, arXiv:1511.00561, section 3.

  Example: see `MaxPool`.
  """

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
      output_shape: spatial shape before pooling, `None` for whole windows.

    Returns:
      `[*batch, *(spatial * window), C]` array, or with `output_shape` as its
      spatial shape.

    Raises:
      ValueError: if the shapes of `inputs`, `switches` and `output_shape` do
        not fit.
    """
    window = self.window_shape
    rank = len(window)
    if inputs.ndim <= rank or inputs.shape != switches.shape:
      raise ValueError(
        f'inputs and switches need the same shape with {rank} spatial axes, '
        f'got {inputs.shape} and {switches.shape}.'
      )
    *outer, channels = inputs.shape
    batch, coarse = outer[:-rank], outer[-rank:]
    mask = _is_at(switches, (*outer, math.prod(window), channels))
    zero = jnp.zeros((), inputs.dtype)
    placed = jnp.where(mask, jnp.expand_dims(inputs, -2), zero)
    phases = math.prod(window) * channels
    placed = placed.reshape(math.prod(batch), *coarse, phases)
    y = polyphase.phases_to_pixels(placed, window)
    y = y.reshape(*batch, *y.shape[1:])
    if output_shape is None:
      return y
    if len(output_shape) != rank:
      raise ValueError(
        f'output_shape needs {rank} sizes, one per spatial axis of the window '
        f'{window}, got {tuple(output_shape)}.'
      )
    extra = [size - n * w for size, n, w in zip(output_shape, coarse, window)]
    if any(not 0 <= e < w for e, w in zip(extra, window)):
      raise ValueError(
        f'MaxPool with window {window} maps no {tuple(output_shape)} to '
        f'{tuple(coarse)}.'
      )
    edges = [(0, 0)] * len(batch) + [(0, e) for e in extra] + [(0, 0)]
    return jnp.pad(y, edges)
