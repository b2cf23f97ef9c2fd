"""Image quality metrics: one number per image, larger is better.

Images are float32 `[N, H, W, C]` in [0, 1]. The functions do not clip outputs
or cut borders; the caller does so if needed. They work under `jit` and have
finite gradients. The caller averages over images, because the mean of PSNRs is
not the PSNR of the mean error.
"""

import functools
import operator

import jax
import jax.numpy as jnp

from autoencoder.image import color
from autoencoder.image import smoothing

# The least mean squared error: identical images have a PSNR of 100 dB instead
# of infinity, so that means and gradients stay finite. Different images of 8
# bits have much larger errors.
_LEAST_MSE = 1e-10

# Wang et al. 2004, section III-C, for a data range of 1.
_WINDOW, _WINDOW_SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2

# Wang et al. 2003, finest scale first. Powers of 0 have no finite gradient.
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_LEAST_TERM = 1e-4


def psnr(
  outputs: jax.Array, target: jax.Array, weight: jax.Array | None = None
) -> jax.Array:
  """Returns the peak signal-to-noise ratio in dB, `10 log10(1 / mse)`.

  It is at most 100, the value for identical images and for images whose weights
  are all zero.

  Args:
    outputs: `[N, H, W, C]` float32.
    target: `[N, H, W, C]` float32 in [0, 1].
    weight: `[N, H, W, 1]` or `[N, H, W, C]` float32, at least 0: weights of the
      pixels in the mean squared error. None weights all equally.

  Returns:
    `[N]` float32, dB.

  Raises:
    ValueError: the shapes differ.

  Example:

    psnr(jnp.full((1, 8, 8, 3), 0.6), jnp.full((1, 8, 8, 3), 0.5))  # [20.0]
  """
  outputs, target = _check(outputs, target)
  # Sum rows first: one long float32 sum over a photo would lose digits.
  squares = jnp.square(outputs - target)
  if weight is None:
    mse = squares.mean(axis=(2, 3)).mean(axis=1)
  else:
    if weight.shape not in (target.shape, target.shape[:3] + (1,)):
      raise ValueError(
        f'weight must be [N, H, W, 1] or have the shape of the target, '
        f'{target.shape}; got '
        f'{weight.shape}.'
      )
    weight = jnp.broadcast_to(weight.astype(jnp.float32), target.shape)
    total = weight.sum(axis=(2, 3)).sum(axis=1)
    error = (squares * weight).sum(axis=(2, 3)).sum(axis=1)
    mse = error / jnp.where(total > 0, total, 1.0)
  return -10.0 * jnp.log10(jnp.maximum(mse, _LEAST_MSE))


def ssim(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """Returns the structural similarity: 1 for identical images, at least -1.

  Uses local means and (population) variances under an 11 x 11 Gaussian window
  with standard deviation 1.5, at all positions where the window is inside the
  image, and averages over positions and channels. Along a side shorter than 11
  pixels, the window is cut to that side, centred and normalised.

  Args:
    outputs: `[N, H, W, C]` float32.
    target: `[N, H, W, C]` float32 in [0, 1].

  Returns:
    `[N]` float32.

  Raises:
    ValueError: the shapes differ.

  References:
    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error
    visibility to structural similarity", IEEE TIP 2004, equation 13.

  NOTE: For one channel this equals `ssim_index.m` of that paper, which tables
  of super-resolution use. MATLAB's own `ssim` pads the border, and newer code
  shrinks large images first.

  Example:

    ssim(image, image)  # [1.0] for any image of shape [1, H, W, C]
  """
  luminance, structure = _ssim_maps(*_check(outputs, target))
  return (luminance * structure).mean(axis=(2, 3)).mean(axis=1)


def ms_ssim(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """Returns the structural similarity over five scales.

  It is 1 for identical images. It is the product of powers of contrast and
  structure at each scale, and luminance at the coarsest scale, computed per
  channel and then averaged over channels. Each scale halves H and W by means of
  2 x 2 pixels and drops an odd last row or column. Negative terms count as
  almost 0, so that gradients stay finite.

  NOTE: For sides below 176 pixels the coarsest scale is smaller than the
  window, which is then cut as in `ssim`. Below 16 pixels there is no coarsest
  scale.

  Args:
    outputs: `[N, H, W, C]` float32, H and W at least 16.
    target: `[N, H, W, C]` float32 in [0, 1].

  Returns:
    `[N]` float32.

  Raises:
    ValueError: the shapes differ, or the images are too small.

  References:
    Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image
    quality assessment", Asilomar 2003, equation 7; weights of section 3.2.

  Example:

    ms_ssim(image, image)  # [1.0] for any image of shape [1, 160, 160, 3]
  """
  x, y = _check(outputs, target)
  least = 2 ** (len(_SCALE_WEIGHTS) - 1)
  if min(x.shape[1:3]) < least:
    raise ValueError(
      f'MS-SSIM takes images of at least {least} x {least} pixels; got '
      f'{x.shape[1]} x {x.shape[2]}.'
    )
  terms = []
  for scale, weight in enumerate(_SCALE_WEIGHTS):
    luminance, structure = _ssim_maps(x, y)
    if scale == len(_SCALE_WEIGHTS) - 1:
      structure = luminance * structure
    term = structure.mean(axis=2).mean(axis=1)
    terms.append(jnp.maximum(term, _LEAST_TERM) ** weight)
    x, y = _halve(x), _halve(y)
  return functools.reduce(operator.mul, terms).mean(axis=-1)


def _ssim_maps(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Returns luminance, and contrast times structure, `[N, H', W', C]` each."""
  # Subtract a constant, which does not change variances: otherwise cancellation
  # in float32 would leave only noise in bright flat regions.
  level = y.mean(axis=(1, 2, 3), keepdims=True)
  x, y = x - level, y - level
  # One pass over all four maps compiles and runs faster than four.
  maps = jnp.concatenate([x, y, x * x + y * y, x * y])
  mean_x, mean_y, squares, products = jnp.split(
    smoothing.gaussian_mean(maps, _WINDOW, _WINDOW_SIGMA), 4
  )
  variances = squares - mean_x * mean_x - mean_y * mean_y
  covariance = products - mean_x * mean_y
  mean_x, mean_y = mean_x + level, mean_y + level
  luminance = (2 * mean_x * mean_y + _C1) / (
    mean_x * mean_x + mean_y * mean_y + _C1
  )
  structure = (2 * covariance + _C2) / (variances + _C2)
  return luminance, structure


def _halve(images: jax.Array) -> jax.Array:
  """Returns means of 2 x 2 pixels, `[N, H // 2, W // 2, C]`."""
  height, width = (side // 2 * 2 for side in images.shape[1:3])
  images = images[:, :height, :width]
  images = (images[:, ::2] + images[:, 1::2]) / 2
  return (images[:, :, ::2] + images[:, :, 1::2]) / 2


def psnr_y(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """Returns the PSNR of the luma, as tables of super-resolution report it.

  NOTE: For these tables, first `quantize` the outputs and `shave` the border.
  The luma of RGB spans 219 of 255 levels, which raises the PSNR by 1.32 dB. A
  single channel is compared without conversion, but grey in three channels is
  RGB (Set14's `man`), as in these tables.

  Args:
    outputs: `[N, H, W, 1 or 3]` float32, grey or RGB.
    target: the same shape, in [0, 1].

  Returns:
    `[N]` float32, dB.

  Raises:
    ValueError: the shapes differ, or the number of channels is another.

  Example:

    outputs, target = (shave(x, 2) for x in (quantize(outputs), target))
    psnr_y(outputs, target)
  """
  _check(outputs, target)  # Luma alone would accept grey against RGB.
  return psnr(_luma(outputs), _luma(target))


def ssim_y(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """Returns the SSIM of the luma, as tables of super-resolution report it.

  See `psnr_y` for arguments, result, errors and preparation.
  """
  _check(outputs, target)
  return ssim(_luma(outputs), _luma(target))


def quantize(images: jax.Array) -> jax.Array:
  """Clips images to [0, 1] and rounds them to multiples of 1/255."""
  return jnp.round(jnp.clip(images, 0.0, 1.0) * 255) / 255


def shave(images: jax.Array, border: int) -> jax.Array:
  """Cuts `border` pixels off each side of `[N, H, W, C]`.

  Raises:
    ValueError: no pixel would be left.
  """
  height, width = images.shape[1:3]
  if min(height, width) <= 2 * border:
    raise ValueError(
      f'Measuring leaves out {border} pixels along each side, which leaves '
      f'nothing of {height} x {width}.'
    )
  return images[:, border : height - border, border : width - border]


def _luma(images: jax.Array) -> jax.Array:
  """Returns the luma `[N, H, W, 1]` of `[N, H, W, 1 or 3]`.

  For RGB it is Y of ITU-R BT.601, in [16/255, 235/255], as in MATLAB's
  `rgb2ycbcr` without rounding. A single channel is returned unchanged.
  """
  if images.shape[-1] not in (1, 3):
    raise ValueError(
      f'Luma needs images [N, H, W, 1 or 3]; got {images.shape}.'
    )
  if images.shape[-1] == 1:
    return images
  return color.rgb_to_ycbcr(images)[..., :1]


def _check(
  outputs: jax.Array, target: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Returns both as float32; raises `ValueError` if the shapes differ."""
  if outputs.ndim != 4 or outputs.shape != target.shape:
    raise ValueError(
      'outputs and target must be [N, H, W, C] of equal shape; got '
      f'{outputs.shape} and {target.shape}.'
    )
  return outputs.astype(jnp.float32), target.astype(jnp.float32)
