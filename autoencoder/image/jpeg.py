"""Simulates JPEG compression on the device, with gradients.

Applies the lossy steps of JPEG and inverts them: conversion to YCbCr, chroma
subsampling, an 8 x 8 DCT, and quantisation of its coefficients. Entropy coding
is lossless and left out. Pixels agree with libjpeg's within a few grey levels;
the difference comes from the integer arithmetic of libjpeg.

Quality and subsampling may be traced values, so that one compiled program can
draw them at random. The gradient of rounding is that of the identity
(straight-through estimator, Bengio et al., arXiv:1308.3432).

References:
  ITU-T T.81 (JPEG), annexes A and K; JFIF 1.02 for the colours; libjpeg for
  the scale of quality and the interpolation of chroma.
"""

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.image import color

# Quantisation tables of T.81, annex K.1, for luma and chroma.
LUMA_TABLE = np.array(
  [
    [16, 11, 10, 16, 24, 40, 51, 61],
    [12, 12, 14, 19, 26, 58, 60, 55],
    [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62],
    [18, 22, 37, 56, 68, 109, 103, 77],
    [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101],
    [72, 92, 95, 98, 112, 100, 103, 99],
  ],
  np.float32,
)
CHROMA_TABLE = np.array(
  [
    [17, 18, 24, 47, 99, 99, 99, 99],
    [18, 21, 26, 66, 99, 99, 99, 99],
    [24, 26, 56, 99, 99, 99, 99, 99],
    [47, 66, 99, 99, 99, 99, 99, 99],
    [99, 99, 99, 99, 99, 99, 99, 99],
    [99, 99, 99, 99, 99, 99, 99, 99],
    [99, 99, 99, 99, 99, 99, 99, 99],
    [99, 99, 99, 99, 99, 99, 99, 99],
  ],
  np.float32,
)

# JFIF: full-range BT.601.
_YCBCR = np.array(
  [
    [0.299, 0.587, 0.114],
    [-0.168735892, -0.331264108, 0.5],
    [0.5, -0.418687589, -0.081312411],
  ],
  np.float32,
)
_RGB = np.array(
  [[1.0, 0.0, 1.402], [1.0, -0.344136286, -0.714136286], [1.0, 1.772, 0.0]],
  np.float32,
)

_OFFSET = np.array([[[0.0, 128.0, 128.0]]], np.float32)

_BLOCK = 8


def tables(quality: jax.Array | float) -> tuple[jax.Array, jax.Array]:
  """Returns libjpeg's quantisation tables for a quality.

  Args:
    quality: 1 (smallest file) to 100; may be traced.

  Returns:
    The tables for luma and chroma, `[8, 8]` float32 each: integers in [1, 255].
    Rows are vertical frequencies.

  Example:

    >>> tables(50)[0][0, :3]
    Array([16., 11., 10.], dtype=float32)
  """
  quality = jnp.clip(jnp.asarray(quality, jnp.float32), 1.0, 100.0)
  percent = jnp.where(
    quality < 50, jnp.floor(5000.0 / quality), 200.0 - 2.0 * quality
  )
  luma, chroma = (
    jnp.clip(jnp.floor((table * percent + 50.0) / 100.0), 1.0, 255.0)
    for table in (LUMA_TABLE, CHROMA_TABLE)
  )
  return luma, chroma


def compress(
  image: jax.Array,
  quality: jax.Array | float,
  *,
  half_chroma: jax.Array | bool = True,
) -> jax.Array:
  """Returns `image` after JPEG compression and decompression.

  Args:
    image: `[H, W, 1 or 3]` float32 in [0, 1], grey or RGB, of any size. It is
      first clipped and rounded to 8 bits.
    quality: 1 to 100, as in libjpeg and Pillow; may be traced.
    half_chroma: whether chroma has half the resolution along both axes (4:2:0,
      the default of Pillow and most cameras) or the full one (4:4:4); may be
      traced.

  Returns:
    `[H, W, 1 or 3]` float32, multiples of 1/255 in [0, 1].

  Raises:
    ValueError: the image has another number of axes or channels.

  Example:

    >>> compress(jnp.ones((20, 30, 3)) / 2, 75).shape
    (20, 30, 3)
  """
  if image.ndim != 3 or image.shape[-1] not in (1, 3):
    raise ValueError(
      f'JPEG takes an image [H, W, 1 or 3]; got {list(image.shape)}.'
    )
  height, width, channels = image.shape
  levels = _round(_clip(image * 255.0))
  # Encoders repeat the last row and column until the blocks are full.
  multiple = _BLOCK if channels == 1 else 2 * _BLOCK
  margins = [(0, -height % multiple), (0, -width % multiple), (0, 0)]
  levels = jnp.pad(levels, margins, mode='edge')
  luma_table, chroma_table = tables(quality)
  if channels == 1:
    levels = _code(levels, luma_table)
  else:
    levels = _code_color(levels, luma_table, chroma_table, half_chroma)
  return levels[:height, :width] / 255.0


def _code_color(
  rgb: jax.Array,
  luma_table: jax.Array,
  chroma_table: jax.Array,
  half_chroma: jax.Array | bool,
) -> jax.Array:
  """Returns the decoded levels `[H, W, 3]` of RGB levels."""
  ycbcr = _round(color.mix(rgb, _YCBCR) + _OFFSET)
  luma, chroma = ycbcr[..., :1], ycbcr[..., 1:]

  def halved() -> jax.Array:
    return _upsample_chroma(_code(_shrink(chroma), chroma_table))

  def whole() -> jax.Array:
    return _code(chroma, chroma_table)

  if isinstance(half_chroma, bool):
    chroma = halved() if half_chroma else whole()
  else:
    chroma = jnp.where(half_chroma, halved(), whole())
  ycbcr = jnp.concatenate([_code(luma, luma_table), chroma], axis=-1)
  return _clip(_round(color.mix(ycbcr - _OFFSET, _RGB)))


def _code(levels: jax.Array, table: jax.Array) -> jax.Array:
  """Quantises the DCT of each 8 x 8 block of `[H, W, C]` levels.

  H and W are multiples of 8.
  """
  height, width, channels = levels.shape
  blocks = (levels - 128.0).reshape(
    height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK, channels
  )
  spectrum = jnp.einsum('ui,aibjc,vj->aubvc', _DCT, blocks, _DCT)
  steps = table[None, :, None, :, None]
  spectrum = _round(spectrum / steps) * steps
  blocks = jnp.einsum('ui,aubvc,vj->aibjc', _DCT, spectrum, _DCT)
  return _clip(_round(blocks.reshape(levels.shape) + 128.0))


def _shrink(chroma: jax.Array) -> jax.Array:
  """Returns means of 2 x 2 pixels, rounded as in libjpeg."""
  height, width, channels = chroma.shape
  blocks = chroma.reshape(height // 2, 2, width // 2, 2, channels)
  # libjpeg rounds halves down in even columns and up in odd ones.
  bias = jnp.arange(width // 2)[None, :, None] % 2
  means = blocks.sum(axis=(1, 3)) / 4
  return _through(jnp.floor(means + 0.25 + 0.25 * bias), means)


def _upsample_chroma(chroma: jax.Array) -> jax.Array:
  """Doubles both axes with a triangle filter: weights 3/4 (nearer) and 1/4.

  This is the default of libjpeg, called fancy upsampling. It rounds once, after
  both axes.
  """
  for axis in (0, 1):
    size = chroma.shape[axis]
    before = jnp.take(chroma, np.maximum(np.arange(size) - 1, 0), axis)
    after = jnp.take(chroma, np.minimum(np.arange(size) + 1, size - 1), axis)
    pair = jnp.stack(
      [0.75 * chroma + 0.25 * before, 0.75 * chroma + 0.25 * after], axis + 1
    )
    shape = list(chroma.shape)
    shape[axis] *= 2
    chroma = pair.reshape(shape)
  return _round(chroma)


def _round(x: jax.Array) -> jax.Array:
  """Rounds; the gradient is that of the identity."""
  return _through(jnp.round(x), x)


def _clip(x: jax.Array) -> jax.Array:
  return jnp.clip(x, 0.0, 255.0)


def _through(value: jax.Array, x: jax.Array) -> jax.Array:
  """Returns `value` with the gradient of `x`."""
  return x + jax.lax.stop_gradient(value - x)


def _dct_matrix() -> np.ndarray:
  """Returns the orthonormal DCT-II of 8 samples; row u is frequency u."""
  u, i = np.arange(_BLOCK)[:, None], np.arange(_BLOCK)[None]
  matrix = np.cos((2 * i + 1) * u * np.pi / (2 * _BLOCK)) / 2
  matrix[0] /= np.sqrt(2)
  return matrix.astype(np.float32)


_DCT = _dct_matrix()
