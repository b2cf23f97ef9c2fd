"""Kernels with which a learned codec starts out as a classical one.

A stack of strided convolutions that are orthonormal block transforms, such as
the discrete cosine transform, and of their adjoints on the way back, is a
transform codec before its first training step. From random kernels, learning
to give an image back at all takes most of a short training.
"""

from collections.abc import Sequence
import math

import jax
import jax.numpy as jnp
import numpy as np

# Luma and two chroma differences, orthonormal, and how much of the variance
# of photos each has, about.
_COLORS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]])
_COLOR_VARIANCE = (1.0, 0.06, 0.03)

# Size of what is random beside the transform: without it, all that learning
# finds would stay within blocks.
_RANDOM = 0.1


def dct(size: int) -> np.ndarray:
  """Returns the orthonormal DCT-II, `[frequencies, places]`, float64."""
  frequency, place = np.mgrid[:size, :size]
  basis = np.cos(math.pi * (2 * place + 1) * frequency / (2 * size))
  basis[0] /= math.sqrt(2)
  return basis * math.sqrt(2 / size)


def block_transforms(
  strides: Sequence[int], widths: Sequence[int], channels: int = 3
) -> list[np.ndarray]:
  """Returns orthonormal transforms of blocks, each of the one before.

  The channels of a stage are cut to those expected to have the most variance
  in photos, which falls with the square of the frequency; a stage wider than
  all its frequencies is filled with zeros.

  Args:
    strides: side of the block of each stage, in places of the one before.
    widths: channels after each stage.
    channels: of the image: 3 are turned into luma and chroma.

  Returns:
    Per stage `[stride, stride, C_in, C_out]` float64, with orthonormal columns
    where they are not zero.

  Example:

    >>> first, second = block_transforms((4, 2), (48, 96))
    >>> first.shape, second.shape
    ((4, 4, 3, 48), (2, 2, 48, 96))
  """
  colors = np.eye(channels)
  weights = [1.0] * channels
  if channels == 3:
    colors = _COLORS / np.linalg.norm(_COLORS, axis=1, keepdims=True)
    weights = list(_COLOR_VARIANCE)
  # Of each channel: its weights over the channels below, its vertical and
  # horizontal frequency, and its colour's share.
  bands = [(colors[c], 0, 0, weights[c]) for c in range(channels)]
  transforms = []
  for stride, width in zip(strides, widths):
    basis = dct(stride)
    found = []
    for mix, y, x, weight in bands:
      for i in range(stride):
        for j in range(stride):
          kernel = np.einsum('y,x,c->yxc', basis[i], basis[j], mix)
          v, h = stride * y + i, stride * x + j
          found.append((kernel, v, h, weight))
    found.sort(key=lambda band: -band[3] / (1 + band[1] ** 2 + band[2] ** 2))
    found = found[:width]
    inputs = len(bands[0][0])
    transform = np.zeros((stride, stride, inputs, width))
    for index, (kernel, *_) in enumerate(found):
      transform[..., index] = kernel
    transforms.append(transform)
    identity = np.eye(width)
    bands = [(identity[i], *band[1:]) for i, band in enumerate(found)]
  return transforms


def centered(transform: np.ndarray) -> jax.nn.initializers.Initializer:
  """Returns an initialiser: the transform amid a small random kernel.

  Args:
    transform: `[s, s, C_in, C_out]`; the kernel `[k, k, C_in, C_out]` has the
      block in its middle, k - s even. The adjoint, of a transposed convolution
      with `transpose_kernel`, has the same kernel.

  Example:

    >>> init = centered(block_transforms((4,), (48,))[0])
    >>> init(jax.random.key(0), (8, 8, 3, 48)).shape
    (8, 8, 3, 48)
  """

  def init(key, shape, dtype=jnp.float32, out_sharding=None):
    del out_sharding
    margin = (shape[0] - transform.shape[0]) // 2
    pad = [(margin, margin)] * 2 + [(0, 0)] * 2
    random = jax.nn.initializers.lecun_normal()(key, shape, dtype)
    return jnp.asarray(np.pad(transform, pad), dtype) + _RANDOM * random

  return init
