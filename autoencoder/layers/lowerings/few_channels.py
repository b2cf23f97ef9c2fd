"""Stride-1 convolutions of few channels, or to few, as a matrix product.

If features are few, each pixel is multiplied by the whole kernel, and the
results of each kernel element are shifted and added. If channels are few, the
pixels under the kernel are laid side by side first (im2col).
"""

from collections.abc import Sequence
import functools
import itertools
import math
import operator
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp


def convolution(
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  dilation: Sequence[int],
  numerics: dict[str, Any],
) -> jax.Array:
  """Returns the stride-1 convolution of `x` with `kernel`."""
  *size, channels, features = kernel.shape
  elements = math.prod(size)
  dtype = numerics['preferred_element_type'] or jnp.result_type(x, kernel)
  wide = jnp.promote_types(dtype, jnp.float32)
  # The padding that leaves the pixels that each kernel element sees.
  edges = [
    [
      (low - i * d, high - (k - 1 - i) * d, 0)
      for i, k, d, (low, high) in zip(index, size, dilation, padding)
    ]
    for index in itertools.product(*map(range, size))
  ]

  def shifted(x, edge):
    return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *edge, (0, 0, 0)])

  def multiply(x, matrix):
    y = lax.dot_general(
      x.reshape(-1, x.shape[-1]), matrix, (((1,), (0,)), ((), ())),
      precision=numerics['precision'], preferred_element_type=wide,
    )  # fmt: skip
    return y.reshape(*x.shape[:-1], matrix.shape[-1])

  if channels < features:
    columns = [shifted(x, edge) for edge in edges]
    matrix = kernel.reshape(elements * channels, features)
    y = multiply(lax.concatenate(columns, x.ndim - 1), matrix)
    return y.astype(dtype)
  matrix = kernel.reshape(elements, channels, features).swapaxes(0, 1)
  products = multiply(x, matrix.reshape(channels, elements * features))
  parts = lax.split(products, (features,) * elements, axis=x.ndim - 1)
  total = functools.reduce(operator.add, map(shifted, parts, edges))
  return total.astype(dtype)
