"""What every model does with an image before its first layer."""

import jax
import jax.numpy as jnp

# About the mean and the standard deviation of photos in [0, 1]. Layers start
# out for inputs of mean 0 and deviation 1, and learn faster from such.
CENTER, SCALE = 0.5, 0.25


def check(x: jax.Array, channels: int) -> None:
  """Raises `ValueError` unless `x` is float `[N, H, W, channels]`."""
  if x.ndim != 4 or x.shape[-1] != channels:
    raise ValueError(f'The model takes [N, H, W, {channels}]; got {x.shape}.')
  if not jnp.issubdtype(x.dtype, jnp.floating):
    raise ValueError(
      f'The model takes floats, pictures in [0, 1]; got {x.dtype}: divide by '
      '255 first.'
    )


def pad(x: jax.Array, stride: int) -> jax.Array:
  """Returns `[N, H, W, C]` mirrored below and to the right.

  H and W become the next multiples of `stride`.
  """
  margins = [(0, -size % stride) for size in x.shape[1:3]]
  return jnp.pad(x, [(0, 0), *margins, (0, 0)], mode='symmetric')
