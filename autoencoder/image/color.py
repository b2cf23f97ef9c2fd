"""Converts between RGB, YCbCr and CIE Lab, on the device.

RGB is sRGB, float32 in [0, 1], `[..., 3]`. Results are clipped only where the
docstring says so. All functions work under `jit`, and their gradients are
finite for all colours, including black and white. White is D65.
"""

import functools
import operator

import jax
import jax.numpy as jnp
import numpy as np

# BT.601 with limited range, as in MATLAB's rgb2ycbcr and the published tables
# of super-resolution: Y in [16, 235], Cb and Cr in [16, 240], of 255.
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
# XYZ of white by this matrix instead of the tabulated D65: then greys have
# exactly no chroma, and the luminance of white is exactly 1.
_WHITE = _XYZ_FROM_RGB.sum(axis=1)
_RELATIVE_FROM_RGB = _XYZ_FROM_RGB / _WHITE[:, None]

# Below the cube of this value, CIE Lab replaces the cube root by a line.
_DELTA = 6 / 29
# [L, a, b], without the offset of L, from the cube roots of relative X, Y, Z.
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
    `[..., 3]` float32. The PSNR of the first channel, with peak 1, is the
    PSNR-Y of the published tables of super-resolution.

  Reference:
    Recommendation ITU-R BT.601-7. MATLAB's `rgb2ycbcr` also divides by 255 if
    its input is in [0, 1].

  Example:

    >>> [round(255 * float(x)) for x in rgb_to_ycbcr(jnp.ones(3))]
    [235, 128, 128]
  """
  return _transform(rgb, _YCBCR_FROM_RGB / 255, _YCBCR_OFFSET / 255)


def rgb_to_lab(rgb: jax.Array) -> jax.Array:
  """Returns CIE 1976 L*a*b*; L is in [0, 100], a and b are 0 for greys.

  Args:
    rgb: `[..., 3]` float32 in [0, 1].

  Returns:
    `[..., 3]` float32; a in [-86.2, 98.3], b in [-107.9, 94.5].

  Reference:
    ISO/CIE 11664-4. White is the one of the sRGB matrix, so a and b differ from
    scikit-image's by up to 0.02.

  Example:

    >>> red = rgb_to_lab(jnp.array([1.0, 0.0, 0.0]))
    >>> [round(float(x), 1) for x in red]
    [53.2, 80.1, 67.2]
  """
  relative = _transform(linearize(rgb), _RELATIVE_FROM_RGB)
  return _transform(_root(relative), _LAB_FROM_ROOTS, _LAB_OFFSET)


def lab_to_rgb(lab: jax.Array) -> jax.Array:
  """Returns RGB `[..., 3]`, outside [0, 1] for colours out of gamut."""
  return delinearize(_lab_to_linear(lab))


def lab_to_gamut_rgb(lab: jax.Array) -> jax.Array:
  """Returns RGB with exactly the given lightness and as much chroma as fits.

  Clipping the channels of a colour out of gamut would change its lightness.
  Instead, this function mixes such a colour, in linear light, with the grey of
  the same luminance until it is in gamut. This has a closed form, because
  luminance is linear.

  Args:
    lab: `[..., 3]` float32, L in [0, 100] and any a and b.

  Returns:
    `[..., 3]` float32 in [0, 1]. For colours in gamut it equals `lab_to_rgb`.

  Example:

    >>> rgb = lab_to_gamut_rgb(jnp.array([50.0, 0.0, 200.0]))
    >>> rgb_to_lab(rgb)[0].round(2)
    Array(50., dtype=float32)
  """
  linear = _lab_to_linear(lab)
  grey = _luminance(lab[..., :1])
  chroma = linear - grey
  # The fraction of the chroma at which each channel reaches 0 or 1.
  room = jnp.where(chroma > 0, 1.0 - grey, grey)
  size = jnp.abs(chroma)
  outside = size > room
  share = jnp.where(outside, room / jnp.where(outside, size, 1.0), 1.0)
  linear = grey + share.min(axis=-1, keepdims=True) * chroma
  return delinearize(jnp.clip(linear, 0.0, 1.0))  # Removes rounding errors.


def paint(lightness: jax.Array, ab: jax.Array) -> jax.Array:
  """Colours a lightness channel; returns RGB of exactly this lightness.

  Args:
    lightness: `[..., 1]` float32, L in [0, 100].
    ab: `[..., 2]` float32, any a and b. Colours out of gamut lose chroma, see
      `lab_to_gamut_rgb`.

  Returns:
    `[..., 3]` float32 in [0, 1].
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
  """Returns the inverse of `_root`."""
  return jnp.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4 / 29))


def linearize(rgb: jax.Array) -> jax.Array:
  """Returns the linear light of sRGB values (IEC 61966-2-1), both in [0, 1]."""
  curved = rgb > 0.04045
  base = (jnp.where(curved, rgb, 1.0) + 0.055) / 1.055
  return jnp.where(curved, base**2.4, rgb / 12.92)


def delinearize(linear: jax.Array) -> jax.Array:
  """Returns the sRGB values of linear light: the inverse of `linearize`."""
  curved = linear > 0.0031308
  base = jnp.where(curved, linear, 1.0)
  return jnp.where(curved, 1.055 * base ** (1 / 2.4) - 0.055, 12.92 * linear)


def _invert(
  matrix: np.ndarray, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns matrix and offset of the inverse of `matrix @ x + offset`."""
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
  # A sum instead of a matrix product, for the reason given in `_transform`.
  terms = [
    image[..., i, None] * matrix[axes + (slice(None), i)]
    for i in range(image.shape[-1])
  ]
  return functools.reduce(operator.add, terms)


def _transform(
  x: jax.Array, matrix: np.ndarray, offset: np.ndarray | float = 0.0
) -> jax.Array:
  """Returns `matrix @ x + offset` for every pixel.

  It is written as sums of channels, because matrix units of some devices round
  to fewer bits than float32, and because XLA can fuse sums with other
  operations.
  """
  channels = jnp.split(jnp.asarray(x, jnp.float32), x.shape[-1], axis=-1)
  offsets = np.broadcast_to(offset, len(matrix))
  rows = [
    sum(float(m) * c for m, c in zip(row, channels)) + float(shift)
    for row, shift in zip(matrix, offsets)
  ]
  return jnp.concatenate(rows, axis=-1)
