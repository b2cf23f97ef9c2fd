"""Filters of norm 1, and which maps they see."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np


def connection_table(inputs: int, outputs: int, count: int) -> np.ndarray:
  """Returns which maps below each filter sees: g of the paper, 0 or 1.

  Filters draw one after the other, each time the map that is used least; of
  those, the one that they have seen least together. So maps are used alike, to
  one, whatever the numbers, and filters of the same maps are rare.

  Args:
    inputs: maps of the layer below.
    outputs: filters.
    count: maps that a filter sees, at most `inputs`; 0 is all.

  Returns:
    `[inputs, outputs]` float32.

  Example:

    >>> connection_table(4, 4, 2).astype(int).tolist()
    [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]]
  """
  if count == 0:
    return np.ones((inputs, outputs), np.float32)
  table = np.zeros((inputs, outputs), np.float32)
  for drawn in table.T:
    for _ in range(count):
      used = table.sum(1)
      # How often each map was seen with one of those drawn.
      together = table @ (table.T @ drawn)
      drawn[np.lexsort((together, used, drawn))[0]] = 1.0
  return table


class FilterBank(nnx.Module):
  """The filters of a layer; their norm is 1 by construction.

  The paper projects filters to norm 1 after each update. Here they are a kernel
  divided by its norm, so that any optimiser will do. With a connection table
  the norm is shared equally between the maps a filter sees, so that it combines
  them, which is not in the paper.

  Args:
    inputs: maps below, or channels of the image.
    outputs: filters.
    size: side of the filters.
    connections: see `connection_table`.
    rngs: parameter key.
  """

  def __init__(
    self,
    inputs: int,
    outputs: int,
    size: int,
    *,
    connections: int = 0,
    rngs: nnx.Rngs,
  ):
    # Noise under a Gaussian: what a filter learns then stays near its middle,
    # where all filters find the same place in the maps.
    along = np.exp(-((np.arange(size) - (size - 1) / 2) ** 2) / (size / 3) ** 2)
    window = (along[:, None] * along)[..., None, None].astype(np.float32)
    shape = (size, size, inputs, outputs)
    kernel = window * jax.random.normal(rngs.params(), shape)
    # Of norm 1 from the start: an update then turns all filters alike.
    norm = (np.square(window).sum() * (connections or inputs)) ** 0.5
    self.kernel = nnx.Param(kernel / norm)
    self.inputs, self.outputs, self.connections = inputs, outputs, connections

  def __call__(self) -> jax.Array:
    """Returns the filters, `[size, size, inputs, outputs]` float32."""
    kernel = self.kernel[...]
    if not self.connections:
      norm = jnp.sqrt(jnp.square(kernel).sum((0, 1, 2), keepdims=True))
      return kernel / norm
    table = connection_table(self.inputs, self.outputs, self.connections)
    norm = jnp.sqrt(jnp.square(kernel).sum((0, 1)))
    # Left to themselves, most end with all their norm in one map.
    share = table / table.sum(0, keepdims=True) ** 0.5
    return kernel * (share / norm)[None, None]
