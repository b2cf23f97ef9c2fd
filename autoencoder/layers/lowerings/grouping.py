"""Images a few at a time, or a few of their rows, to hold less at once."""

from collections.abc import Callable

import jax
from jax import lax


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


def strips(rows: int, count: int) -> list[tuple[int, int]]:
  """Returns the first row of each of `count` strips, and the row after it.

  Strips rather than groups of images, for convolutions: XLA on CPU runs those
  with few images slowly, and 30 times as slow in a loop, so that they have to
  be written out. A mesh that splits the batch is of no consequence to rows.

  Args:
    rows: number of rows.
    count: number of strips, no more than rows.

  Returns:
    `(first, end)` of each.

  Example::

    >>> strips(8, 3)
    [(0, 2), (2, 5), (5, 8)]
  """
  cuts = [strip * rows // count for strip in range(count + 1)]
  return list(zip(cuts, cuts[1:]))
