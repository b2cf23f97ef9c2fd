"""Stride-1 convolutions of few channels, or to few, as a matrix product.

Eigen's convolution multiplies as if there were 16 features at least, and reads
each channel by itself where there are few: 8x64x64 32->3 3x3, on one core of an
AMD EPYC, takes 4.3 ms so and 1.4 here, 32->11 5.7 and 4.7, 32->16 5.4 and 8.6.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import itertools
import math

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers.lowerings import choose

# Features of the result, and channels under the kernel.
_FEW_FEATURES, _FEW_COLUMNS = 12, 48

# Each kernel element is an operation of its own.
_MOST_ELEMENTS = 32


def suits(x: jax.Array, kernel: jax.Array) -> bool:
  """Returns whether `convolution` is faster than Eigen's.

  Args:
    x: `[N, *spatial, C]` array.
    kernel: `[*kernel_size, C, F]` array.
  """
  elements = math.prod(kernel.shape[:-2])
  few = (
    kernel.shape[-1] <= _FEW_FEATURES
    or elements * kernel.shape[-2] <= _FEW_COLUMNS
  )
  return (
    few and 1 < elements <= _MOST_ELEMENTS and not choose.is_sharded(x, kernel)
  )


def convolution(
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  dilation: Sequence[int],
  precision,
  preferred_element_type,
) -> jax.Array:
  """Returns the stride-1 convolution of `x` with `kernel`.

  Args:
    x: `[N, *spatial, C]` array.
    kernel: `[*kernel_size, C, F]` array.
    padding: `(low, high)` zeros per spatial axis; negative ones crop.
    dilation: spacing of the kernel elements per spatial axis.
    precision: see `jax.lax.Precision`.
    preferred_element_type: dtype of the result, or `None`.

  Returns:
    `[N, *spatial, F]` array.
  """
  elements = math.prod(kernel.shape[:-2])
  channels, features = kernel.shape[-2:]
  dtype = preferred_element_type or jnp.result_type(x, kernel)
  wide = jnp.promote_types(dtype, jnp.float32)
  windows = list(_windows(kernel.shape[:-2], padding, dilation))

  def multiply(x, matrix):
    y = lax.dot_general(
      x.reshape(-1, x.shape[-1]), matrix, (((1,), (0,)), ((), ())),
      precision=precision, preferred_element_type=wide,
    )  # fmt: skip
    return y.reshape(*x.shape[:-1], matrix.shape[-1])

  if elements * channels <= _FEW_COLUMNS and channels < features:
    columns = lax.concatenate([_shifted(x, w) for w in windows], x.ndim - 1)
    matrix = kernel.reshape(elements * channels, features)
    return multiply(columns, matrix).astype(dtype)
  matrix = kernel.reshape(elements, channels, features).swapaxes(0, 1)
  products = multiply(x, matrix.reshape(channels, elements * features))
  parts = lax.split(products, (features,) * elements, axis=x.ndim - 1)
  return sum(map(_shifted, parts, windows)).astype(dtype)


def _windows(
  kernel_size, padding, dilation
) -> Iterator[tuple[tuple[int, int], ...]]:
  """Yields the padding that leaves what each kernel element sees."""
  for index in itertools.product(*map(range, kernel_size)):
    yield tuple(
      (low - i * d, high - (k - 1 - i) * d)
      for i, k, d, (low, high) in zip(index, kernel_size, dilation, padding)
    )


def _shifted(x, window):
  edges = [(0, 0, 0), *((low, high, 0) for low, high in window), (0, 0, 0)]
  return lax.pad(x, jnp.zeros((), x.dtype), edges)
