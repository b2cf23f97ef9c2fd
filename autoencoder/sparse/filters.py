"""Filters of norm 1, and which maps they see."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np


def connection_table(inputs: int, outputs: int, count: int) -> np.ndarray:
  """Returns which maps below each filter sees: g of the paper, 0 or 1.

  Filter k sees map k and others at equal distances around the circle of all
  maps; where each map has been the first once, the distance grows by one. So
  all maps are used alike where `outputs` is a multiple of `inputs`.

  Args:
    inputs: maps of the layer below.
    outputs: filters.
    count: maps that a filter sees, less where the circle closes; 0 is all.

  Returns:
    `[inputs, outputs]` float32.

  Example:

    >>> connection_table(3, 3, 2).astype(int).tolist()
    [[1, 0, 1], [1, 1, 0], [0, 1, 1]]
  """
  if count == 0:
    return np.ones((inputs, outputs), np.float32)
  filters = np.arange(outputs)
  distance = 1 + filters // inputs
  seen = filters + np.arange(count)[:, None] * distance
  table = np.zeros((inputs, outputs), np.float32)
  table[seen % inputs, filters] = 1.0
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
    shape = (size, size, inputs, outputs)
    # Of norm 1 from the start: an update then turns all filters alike.
    deviation = (size * size * (connections or inputs)) ** -0.5
    self.kernel = nnx.Param(
      deviation * jax.random.normal(rngs.params(), shape)
    )
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
