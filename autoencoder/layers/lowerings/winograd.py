"""The stride-1 convolution by a kernel of three rows, with half the work.

Four rows of the result take twelve products of an image row and a kernel row.
Winograd's algorithm takes six: it evaluates two polynomials, whose coefficients
are the image rows and the kernel rows, at six points, multiplies there, and
interpolates. Only rows are transformed: they are contiguous in memory, and
transforming both axes would take four times as many additions.
"""

from collections.abc import Callable
from collections.abc import Sequence

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from autoencoder.layers.lowerings import polyphase

TAPS = 3  # Rows of the kernel.
_ROWS = 4  # Rows of the result that are computed at once.

# The sixth point is infinity. Among pairs of small fractions these points gave
# the least rounding error, about twice that of a plain convolution.
_POINTS = (0, 5 / 8, -5 / 8, 3 / 2, -3 / 2)


def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns the input, filter and output transform matrices."""
  count = _ROWS + TAPS - 1
  rows, kernel = np.zeros((count, count)), np.zeros((count, TAPS))
  result = np.zeros((_ROWS, count))
  for i, point in enumerate(_POINTS):
    others = [other for other in _POINTS if other != point]
    rows[i, :-1] = np.poly(others)[::-1]
    kernel[i] = point ** np.arange(TAPS) / np.prod(np.subtract(point, others))
    result[:, i] = float(point) ** np.arange(_ROWS)
  rows[-1] = np.poly(_POINTS)[::-1]  # At infinity: the highest coefficients.
  kernel[-1, -1] = result[-1, -1] = 1
  return rows, kernel, result


_INPUT, _FILTER, _OUTPUT = _matrices()


def convolution(
  convolve: Callable[..., jax.Array],
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
) -> jax.Array:
  """Returns the stride-1 convolution over two spatial axes.

  Reference:
    Winograd, Arithmetic complexity of computations, 1980; Lavin and Gray,
    arXiv:1509.09308, section 4, F(4, 3) along one axis.
  """
  (low, high), columns = padding
  height = x.shape[1] + low + high - TAPS + 1
  groups = -(-height // _ROWS)
  # The last two rows that a group of the result sees are the next group's.
  edge = _ROWS * (groups + 1) - x.shape[1] - low
  x = polyphase.pad_spatial(x, [(0, 0), (low, edge)])
  x = x.reshape(x.shape[0], groups + 1, _ROWS, *x.shape[2:])
  rows = []
  for i in range(_ROWS + TAPS - 1):
    first, row = divmod(i, _ROWS)
    part = lax.slice_in_dim(x, first, first + groups, axis=1)
    rows.append(lax.index_in_dim(part, row, axis=2, keepdims=False))
  taps = [kernel[i : i + 1] for i in range(TAPS)]
  products = [
    convolve(_sum(inputs, rows), _sum(filters, taps), ((0, 0), columns))
    for inputs, filters in zip(_INPUT, _FILTER)
  ]
  y = jnp.stack([_sum(weights, products) for weights in _OUTPUT], 2)
  y = y.reshape(y.shape[0], _ROWS * groups, *y.shape[3:])
  return lax.slice_in_dim(y, 0, height, axis=1)


def _sum(weights, terms):
  """Returns a weighted sum of arrays."""
  total = None
  for weight, term in zip(weights, terms, strict=True):
    if abs(weight) < 1e-9:  # Half of them: the points are symmetric.
      continue
    term = term if weight == 1 else float(weight) * term
    total = term if total is None else total + term
  return total
