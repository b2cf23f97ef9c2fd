"""Colour spaces on the device: RGB to YCbCr, and to CIE Lab and back.

RGB is sRGB, float32 in [0, 1], `[..., 3]`; nothing is clipped, except where a
name says so. All functions are jit-compatible, and their gradients are finite
everywhere, black and white included. White is D65.
"""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np

# BT.601 with limited range, as MATLAB's rgb2ycbcr and the super-resolution
# tables: Y in [16, 235], Cb and Cr in [16, 240], of 255.
_YCBCR_FROM_RGB = np.array(
  [
    [65.481, 128.553, 24.966],
    [-37.797, -74.203, 112.0],
    [112.0, -93.786, -18.214],
  ]
)
_YCBCR_OFFSET = np.array([16.0, 128.0, 128.0])

# Linear sRGB to CIE XYZ (IEC 61966-2-1, in the digits of scikit-image).
_XYZ_FROM_RGB = np.array(
  [
    [0.412453, 0.357580, 0.180423],
    [0.212671, 0.715160, 0.072169],
    [0.019334, 0.119193, 0.950227],
  ]
)
# XYZ of white as the matrix has it, not as D65 is tabulated: a grey then has
# no chroma at all, and the luminance of white is 1.
_WHITE = _XYZ_FROM_RGB.sum(axis=1)
_RELATIVE_FROM_RGB = _XYZ_FROM_RGB / _WHITE[:, None]

# Where CIE Lab's cube root gives way to a straight line.
_DELTA = 6 / 29
# [L, a, b] from the cube roots of relative X, Y, Z, but for the offset of L.
_LAB_FROM_ROOTS = np.array(
  [
    [0.0, 116.0, 0.0],
    [500.0, -500.0, 0.0],
    [0.0, 200.0, -200.0],
  ]
)
_LAB_OFFSET = np.array([-16.0, 0.0, 0.0])


def rgb_to_ycbcr(rgb: jax.Array) -> jax.Array:
  """Returns BT.601 YCbCr of limited range, of 255: Y in [16/255, 235/255].

  Args:
    rgb: `[..., 3]` float32 in [0, 1].

  Returns:
    `[..., 3]` float32. A PSNR of the first channel with peak 1 is the PSNR-Y
    of the super-resolution tables.

  Reference:
    Recommendation ITU-R BT.601-7; MATLAB's `rgb2ycbcr`, which also divides by
    255 when it is given numbers in [0, 1].

  Example:

    >>> [round(255 * float(x)) for x in rgb_to_ycbcr(jnp.ones(3))]
    [235, 128, 128]
  """
  return _transform(rgb, _YCBCR_FROM_RGB / 255, _YCBCR_OFFSET / 255)


def rgb_to_lab(rgb: jax.Array) -> jax.Array:
  """Returns CIE 1976 L*a*b*: lightness L in [0, 100], a and b of 0 for greys.

  Args:
    rgb: `[..., 3]` float32 in [0, 1].

  Returns:
    `[..., 3]` float32; a in [-86.2, 98.3], b in [-107.9, 94.5].

  Reference:
    ISO/CIE 11664-4. White is that of the sRGB matrix, so that a and b differ
    from scikit-image's by up to 0.02.

  Example:

    >>> red = rgb_to_lab(jnp.array([1.0, 0.0, 0.0]))
    >>> [round(float(x), 1) for x in red]
    [53.2, 80.1, 67.2]
  """
  relative = _transform(linearize(rgb), _RELATIVE_FROM_RGB)
  return _transform(_root(relative), _LAB_FROM_ROOTS, _LAB_OFFSET)


def lab_to_rgb(lab: jax.Array) -> jax.Array:
  """Returns the `[..., 3]` RGB of `lab`, outside [0, 1] where out of gamut."""
  return delinearize(_lab_to_linear(lab))


def lab_to_gamut_rgb(lab: jax.Array) -> jax.Array:
  """Returns RGB of the given lightness exactly, with as much chroma as fits.

  Clipping the channels of a colour that RGB does not have changes how light it
  is. Here such a colour is mixed, in linear light, with the grey of its own
  luminance, just until it fits: a closed form, since luminance is linear.

  Args:
    lab: `[..., 3]` float32, L in [0, 100] and any a and b.

  Returns:
    `[..., 3]` float32 in [0, 1]. Colours in gamut are those of `lab_to_rgb`.

  Example:

    >>> rgb = lab_to_gamut_rgb(jnp.array([50.0, 0.0, 200.0]))
    >>> rgb_to_lab(rgb)[0].round(2)
    Array(50., dtype=float32)
  """
  linear = _lab_to_linear(lab)
  grey = _luminance(lab[..., :1])
  chroma = linear - grey
  # The share of the chroma at which each channel reaches its bound.
  room = jnp.where(chroma > 0, 1.0 - grey, grey)
  size = jnp.abs(chroma)
  outside = size > room
  share = jnp.where(outside, room / jnp.where(outside, size, 1.0), 1.0)
  linear = grey + share.min(axis=-1, keepdims=True) * chroma
  return delinearize(jnp.clip(linear, 0.0, 1.0))  # Of rounding errors.


def paint(lightness: jax.Array, ab: jax.Array) -> jax.Array:
  """Returns RGB in [0, 1] of exactly this lightness, with these colours.

  Args:
    lightness: `[..., 1]` float32, L in [0, 100].
    ab: `[..., 2]` float32; made paler where RGB has no such colour, see
      `lab_to_gamut_rgb`.

  Returns:
    `[..., 3]` float32.
  """
  return lab_to_gamut_rgb(jnp.concatenate([lightness, ab], axis=-1))


def _lab_to_linear(lab: jax.Array) -> jax.Array:
  """Returns linear RGB of `lab`, not clipped."""
  roots = _transform(lab, *_invert(_LAB_FROM_ROOTS, _LAB_OFFSET))
  return _transform(_cube(roots), np.linalg.inv(_RELATIVE_FROM_RGB))


def _luminance(lightness: jax.Array) -> jax.Array:
  """Returns relative luminance, in [0, 1], of L in [0, 100]."""
  return _cube((lightness + 16.0) / 116.0)


def _root(t: jax.Array) -> jax.Array:
  """CIE's cube root, straight near 0, where a root's slope is infinite."""
  curved = t > _DELTA**3
  return jnp.where(
    curved,
    jnp.cbrt(jnp.where(curved, t, 1.0)),
    t / (3 * _DELTA**2) + 4 / 29,
  )


def _cube(f: jax.Array) -> jax.Array:
  """Inverse of `_root`."""
  return jnp.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4 / 29))


def linearize(rgb: jax.Array) -> jax.Array:
  """Linear light of sRGB values, IEC 61966-2-1."""
  curved = rgb > 0.04045
  base = (jnp.where(curved, rgb, 1.0) + 0.055) / 1.055
  return jnp.where(curved, base**2.4, rgb / 12.92)


def delinearize(linear: jax.Array) -> jax.Array:
  """Inverse of `linearize`."""
  curved = linear > 0.0031308
  base = jnp.where(curved, linear, 1.0)
  return jnp.where(curved, 1.055 * base ** (1 / 2.4) - 0.055, 12.92 * linear)


def _invert(
  matrix: np.ndarray, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the matrix and the offset that undo those given."""
  inverse = np.linalg.inv(matrix)
  return inverse, -inverse @ offset


def mix(image: jax.Array, matrix: jax.Array | np.ndarray) -> jax.Array:
  """Returns `matrix @ pixel` for every pixel, in float32 on every device.

  Args:
    image: `[..., C]`.
    matrix: `[D, C]`; may be traced.

  Returns:
    `[..., D]`.
  """
  axes = (None,) * (image.ndim - 1)
  # A sum, as in `_transform`, rather than a product on matrix units.
  terms = [
    image[..., i, None] * matrix[axes + (slice(None), i)]
    for i in range(image.shape[-1])
  ]
  return functools.reduce(operator.add, terms)


def _transform(
  x: jax.Array, matrix: np.ndarray, offset: np.ndarray | float = 0.0
) -> jax.Array:
  """Returns `matrix @ x + offset` for every pixel.

  Written out channel by channel: it stays float32 on devices whose matrix
  units round to fewer bits, and is fused with what surrounds it.
  """
  channels = jnp.split(jnp.asarray(x, jnp.float32), x.shape[-1], axis=-1)
  offsets = np.broadcast_to(offset, len(matrix))
  rows = [
    sum(float(m) * c for m, c in zip(row, channels)) + float(shift)
    for row, shift in zip(matrix, offsets)
  ]
  return jnp.concatenate(rows, axis=-1)
