"""The input of all models: checks, standardisation and padding."""

import jax
import jax.numpy as jnp

# Approximate mean and standard deviation of photos in [0, 1]. Initialisers
# assume inputs of mean 0 and standard deviation 1.
CENTER, SCALE = 0.5, 0.25


def check(x: jax.Array, channels: int) -> None:
  """Raises `ValueError` unless `x` is float `[N, H, W, channels]`."""
  if x.ndim != 4 or x.shape[-1] != channels:
    raise ValueError(f'The model takes [N, H, W, {channels}]; got {x.shape}.')
  if not jnp.issubdtype(x.dtype, jnp.floating):
    raise ValueError(
      f'The model takes floats in [0, 1]; got {x.dtype}. Divide 8-bit pictures '
      'by 255 first.'
    )


def pad(x: jax.Array, stride: int) -> jax.Array:
  """Returns images whose H and W are the next multiples of `stride`.

  Mirror images fill the margins at the bottom and right.

  Args:
    x: `[N, H, W, C]`.
    stride: pixels.
  """
  if not all(isinstance(size, int) for size in x.shape[1:3]):
    return _pad_open(x, stride)
  margins = [(0, -size % stride) for size in x.shape[1:3]]
  return jnp.pad(x, [(0, 0), *margins, (0, 0)], mode='symmetric')


def _pad_open(x: jax.Array, stride: int) -> jax.Array:
  """Pads images whose height or width is left open (`jax.export`)."""
  for axis in (1, 2):
    size = x.shape[axis]
    # In this form JAX sees that the size is a multiple of the stride.
    places = jnp.arange((size + stride - 1) // stride * stride) % (2 * size)
    mirrored = jnp.minimum(places, 2 * size - 1 - places)
    x = jnp.take(x, mirrored, axis=axis)
  return x
