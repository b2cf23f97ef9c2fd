"""Initial kernels that make a learned codec a classical transform codec.

The strided convolutions of the encoder start as orthonormal block transforms
(the discrete cosine transform), and the transposed convolutions of the decoder
as their adjoints. So the model reconstructs images before its first training
step. From random kernels, most of a short training would be spent on learning
to reconstruct.
"""

from collections.abc import Sequence
import math

import jax
import jax.numpy as jnp
import numpy as np

# Luma and two colour differences (normalised below), and the approximate
# variance of each in photos.
_COLORS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]])
_COLOR_VARIANCE = (1.0, 0.06, 0.03)

# Weight of the random kernel that is added to the transform. Without it, the
# kernels would be zero outside of the block.
_RANDOM = 0.1


def dct(size: int) -> np.ndarray:
  """Returns the orthonormal DCT-II matrix, `[frequency, position]` float64."""
  frequency, place = np.mgrid[:size, :size]
  basis = np.cos(math.pi * (2 * place + 1) * frequency / (2 * size))
  basis[0] /= math.sqrt(2)
  return basis * math.sqrt(2 / size)


def block_transforms(
  strides: Sequence[int], widths: Sequence[int], channels: int = 3
) -> list[np.ndarray]:
  """Returns a stack of orthonormal block transforms, one for each stage.

  Each stage transforms blocks of the previous stage's output. It keeps the
  channels with the largest expected variance in photos, which falls with the
  square of the frequency. If a stage is wider than its number of frequencies,
  the remaining channels are zero.

  Args:
    strides: side of each stage's blocks, in places of the previous stage.
    widths: channels after each stage.
    channels: channels of the image; 3 channels are converted to luma and
      chroma first.

  Returns:
    For each stage `[stride, stride, C_in, C_out]` float64. Columns that are not
    zero are orthonormal.

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
  # For each channel: its weights over the channels of the previous stage, its
  # vertical and horizontal frequency, and the variance of its colour component.
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
  """Returns an initialiser: the transform plus a small random kernel.

  The transform is in the centre of the kernel `[k, k, C_in, C_out]`; k - s must
  be even. A transposed convolution with `transpose_kernel=True` and the same
  kernel computes the adjoint.

  Args:
    transform: `[s, s, C_in, C_out]`.

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
