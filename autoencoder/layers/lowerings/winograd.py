"""The stride-1 convolution by a kernel of three rows, with half the products.

Four rows of the result are sums of twelve products of a row of the image with
one of the kernel. Sums of rows multiplied by sums of kernel rows give the same
four with six products, as evaluating two polynomials at six points, multiplying
there, and interpolating does. Rows lie one after the other in memory, so that
these sums run at its speed; along both axes they would be four times as many.
"""

from collections.abc import Callable
from collections.abc import Sequence

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from autoencoder.layers.lowerings import polyphase

TAPS, ROWS = 3, 4  # Of the kernel; of the result at once.

# And infinity. Of pairs of small fractions these give the least errors: 1.6 to
# 2.1 times those of sums of products (root mean square, 48 and 128 channels),
# with 1 and 2 it is 2.3 to 3.5 times.
_POINTS = (0, 5 / 8, -5 / 8, 3 / 2, -3 / 2)


def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Returns what takes rows, kernel rows, and products to the result."""
  count = ROWS + TAPS - 1
  rows, kernel = np.zeros((count, count)), np.zeros((count, TAPS))
  result = np.zeros((ROWS, count))
  for i, point in enumerate(_POINTS):
    others = [other for other in _POINTS if other != point]
    rows[i, :-1] = np.poly(others)[::-1]
    kernel[i] = point ** np.arange(TAPS) / np.prod(np.subtract(point, others))
    result[:, i] = float(point) ** np.arange(ROWS)
  rows[-1] = np.poly(_POINTS)[::-1]  # At infinity: the highest coefficients.
  kernel[-1, -1] = result[-1, -1] = 1
  return rows, kernel, result


_OF_ROWS, _OF_KERNEL, _OF_RESULT = _matrices()


def convolution(
  convolve: Callable[..., jax.Array],
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
) -> jax.Array:
  """Returns the stride-1 convolution of `x` with `kernel`.

  Args:
    convolve: `convolve(x, kernel, padding)` is the convolution with a kernel of
      one row.
    x: `[N, H, W, C]` array.
    kernel: `[3, kw, C, F]` array.
    padding: `(low, high)` zeros per spatial axis; negative ones crop.

  Returns:
    `[N, H', W', F]` array.

  Source:
    Winograd, Arithmetic complexity of computations, 1980; Lavin and Gray,
    arXiv:1509.09308, section 4, F(4, 3) along one axis.
  """
  (low, high), columns = padding
  height = x.shape[1] + low + high - TAPS + 1
  groups = -(-height // ROWS)
  # The last two rows of the last group belong to one more.
  edge = ROWS * (groups + 1) - x.shape[1] - low
  x = polyphase.pad_spatial(x, [(0, 0), (low, edge)])
  x = x.reshape(x.shape[0], groups + 1, ROWS, *x.shape[2:])
  rows = []
  for i in range(ROWS + TAPS - 1):
    first, row = divmod(i, ROWS)
    rows.append(
      lax.squeeze(
        lax.slice(
          x,
          (0, first, row, 0, 0),
          (x.shape[0], first + groups, row + 1, *x.shape[3:]),
        ),
        (2,),
      )
    )
  taps = [kernel[i : i + 1] for i in range(TAPS)]
  products = [
    convolve(_sum(of_rows, rows), _sum(of_kernel, taps), ((0, 0), columns))
    for of_rows, of_kernel in zip(_OF_ROWS, _OF_KERNEL)
  ]
  y = jnp.stack([_sum(weights, products) for weights in _OF_RESULT], 2)
  y = y.reshape(y.shape[0], ROWS * groups, *y.shape[3:])
  return lax.slice_in_dim(y, 0, height, axis=1)


def _sum(weights, terms):
  """Returns the sum of some arrays, each with its weight."""
  total = None
  for weight, term in zip(weights, terms, strict=True):
    if abs(weight) < 1e-9:  # The polynomials are even and odd.
      continue
    term = term if weight == 1 else float(weight) * term
    total = term if total is None else total + term
  return total
