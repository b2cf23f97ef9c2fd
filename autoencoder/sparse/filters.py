"""Filters of norm 1, and the maps that each of them sees."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np


def connection_table(inputs: int, outputs: int, count: int) -> np.ndarray:
  """Returns which maps of the layer below each filter sees: g of the paper.

  Filters choose one after the other. Each time, a filter takes the map that is
  used least; among these, the one least often seen together with its other
  maps. So the number of uses differs by at most one between maps, and few
  filters see the same maps.

  Args:
    inputs: number of maps of the layer below.
    outputs: number of filters.
    count: number of maps that a filter sees, at most `inputs`; 0 is all.

  Returns:
    `[inputs, outputs]` float32, 1 where a filter sees a map and 0 elsewhere.

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
      # How often each map was seen together with one of the drawn maps.
      together = table @ (table.T @ drawn)
      drawn[np.lexsort((together, used, drawn))[0]] = 1.0
  return table


class FilterBank(nnx.Module):
  """The filters of a layer, whose norm is 1 by construction.

  The paper projects filters to norm 1 after each update. Here a filter is a
  kernel divided by its norm, so that any optimiser can be used. With a
  connection table the norm is shared equally between the maps a filter sees, so
  that a filter combines them; this is not in the paper.

  Args:
    inputs: number of maps below, or channels of the image.
    outputs: number of filters.
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
    # Noise under a Gaussian window: then filters learn features near their
    # centre, and coefficients of different maps refer to the same position.
    along = np.exp(-((np.arange(size) - (size - 1) / 2) ** 2) / (size / 3) ** 2)
    window = (along[:, None] * along)[..., None, None].astype(np.float32)
    shape = (size, size, inputs, outputs)
    kernel = window * jax.random.normal(rngs.params(), shape)
    # The kernels have about norm 1, so an update turns all filters equally.
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
    # Without shares, most filters end with all their norm in one map.
    share = table / table.sum(0, keepdims=True) ** 0.5
    return kernel * (share / norm)[None, None]
