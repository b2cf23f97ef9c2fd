"""A batch taken a few images at a time, so that what is held stays small."""

from collections.abc import Callable

import jax
from jax import lax
import jax.numpy as jnp


def map_groups(
  function: Callable[[jax.Array], jax.Array],
  x: jax.Array,
  image_bytes: int,
  group_bytes: int,
) -> jax.Array:
  """Maps `function` over equal groups of images, one after the other.

  NOTE: every group takes as many images from each device that a mesh may have
  split the batch over, so that no image has to move.

  Args:
    function: maps `[group, ...]` to `[group, ...]`, each image by itself.
    x: `[N, ...]` array.
    image_bytes: what `function` holds for one image.
    group_bytes: what it should hold at most, one image apart.

  Returns:
    `[N, ...]` array.

  Example::

    >>> import jax.numpy as jnp
    >>> map_groups(lambda x: x + 1, jnp.arange(6), 4, 8).tolist()
    [1, 2, 3, 4, 5, 6]
  """
  images = x.shape[0]
  devices = jax.device_count() if images % jax.device_count() == 0 else 1
  share = images // devices
  most = max(group_bytes // image_bytes, 1)
  group = max(d for d in range(1, share + 1) if share % d == 0 and d <= most)
  if group == share:
    return function(x)
  x = x.reshape(devices, -1, group, *x.shape[1:]).swapaxes(0, 1)
  x = x.reshape(x.shape[0], -1, *x.shape[3:])
  y = lax.map(function, x)
  y = y.reshape(-1, devices, group, *y.shape[2:]).swapaxes(0, 1)
  return y.reshape(images, *y.shape[3:])


def map_parts(
  function: Callable[[jax.Array], jax.Array], x: jax.Array, parts: int
) -> jax.Array:
  """Maps `function` over parts of the batch, written out one after the other.

  For convolutions, which XLA on CPU may run 30 times as slow in a loop. Every
  part has images of each device of a mesh.

  Args:
    function: maps `[N / parts, ...]` to `[N / parts, ...]`.
    x: `[N, ...]` array.
    parts: how many; divides N.

  Returns:
    `[N, ...]` array.
  """
  if parts == 1:
    return function(x)
  x = x.reshape(-1, parts, *x.shape[1:])
  y = jnp.stack([function(x[:, part]) for part in range(parts)], 1)
  return y.reshape(-1, *y.shape[2:])
