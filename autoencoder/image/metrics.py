"""How good an answer is: one number per image, larger is better.

Images are float32 in [0, 1], `[N, H, W, C]`, and are compared as they are:
outputs are not clipped and borders are not cut off, the caller decides. All
functions are jit-compatible and have finite gradients; the caller averages
over images, because a mean of PSNR is not the PSNR of a mean.
"""

import jax
import jax.numpy as jnp

from autoencoder.image import color
from autoencoder.image import smoothing

# Identical images have a PSNR of 100 dB instead of infinity, so that means and
# gradients stay finite. Images stored with 8 bits differ by far more than this.
_LEAST_MSE = 1e-10

# Wang et al. 2004, section III-C, for a data range of 1.
_WINDOW, _WINDOW_SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2

# Wang et al. 2003, finest scale first. A term of 0 has no finite gradient.
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_LEAST_TERM = 1e-4


def psnr(
  outputs: jax.Array, target: jax.Array, weight: jax.Array | None = None
) -> jax.Array:
  """Peak signal-to-noise ratio in dB, `10 log10(1 / mse)`, at most 100.

  Identical images give 100 dB, not infinity; so does an image whose weights
  are all zero, since none of it counts.

  Args:
    outputs: `[N, H, W, C]` float32.
    target: `[N, H, W, C]` float32 in [0, 1].
    weight: `[N, H, W, 1]` or `[N, H, W, C]` float32, at least 0: how much each
      pixel counts in the mean squared error. By default all count alike.

  Returns:
    `[N]` float32, dB.

  Raises:
    ValueError: if the shapes do not agree.

  Example:

    psnr(jnp.full((1, 8, 8, 3), 0.6), jnp.full((1, 8, 8, 3), 0.5))  # [20.0]
  """
  outputs, target = _check(outputs, target)
  # Rows first: one long float32 sum over a photo would lose digits.
  squares = jnp.square(outputs - target)
  if weight is None:
    mse = squares.mean(axis=(2, 3)).mean(axis=1)
  else:
    if weight.shape not in (target.shape, target.shape[:3] + (1,)):
      raise ValueError(
        f'weight must be [N, H, W, 1] or like the target {target.shape}; got '
        f'{weight.shape}.'
      )
    weight = jnp.broadcast_to(weight.astype(jnp.float32), target.shape)
    total = weight.sum(axis=(2, 3)).sum(axis=1)
    error = (squares * weight).sum(axis=(2, 3)).sum(axis=1)
    mse = error / jnp.where(total > 0, total, 1.0)
  return -10.0 * jnp.log10(jnp.maximum(mse, _LEAST_MSE))


def ssim(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """Structural similarity, 1 for identical images, at least -1.

  Local means and (population) variances under an 11 x 11 Gaussian window of
  standard deviation 1.5, where the window lies wholly inside the image; the
  mean over positions and channels. Along a side shorter than 11 pixels the
  window is cut to that side, centred and normalised, so that every image of
  at least 1 x 1 has a value.

  Args:
    outputs: `[N, H, W, C]` float32.
    target: `[N, H, W, C]` float32 in [0, 1].

  Returns:
    `[N]` float32.

  Raises:
    ValueError: if the shapes do not agree.

  References:
    Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error
    visibility to structural similarity", IEEE TIP 2004, equation 13.

  NOTE: On one channel this is the `ssim_index.m` of that paper, whatever the
  data range, as tables of super-resolution report it. MATLAB's own `ssim` pads
  the border, and newer code shrinks large images first.

  Example:

    ssim(image, image)  # [1.0] for any image of shape [1, H, W, C]
  """
  luminance, structure = _ssim_maps(*_check(outputs, target))
  return (luminance * structure).mean(axis=(2, 3)).mean(axis=1)


def ms_ssim(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """Structural similarity over five scales, 1 for identical images.

  The product of powers: contrast and structure at each scale, luminance at the
  coarsest; per channel, then the mean over channels. From scale to scale, H
  and W are halved by the mean of 2 x 2 pixels, an odd last row or column
  dropped. A negative term counts as 0 (almost: gradients stay finite).

  NOTE: Below 176 pixels a side the coarsest scale has less than a window, which
  is then cut as for `ssim`; below 16 pixels there is no such scale.

  Args:
    outputs: `[N, H, W, C]` float32, H and W at least 16.
    target: `[N, H, W, C]` float32 in [0, 1].

  Returns:
    `[N]` float32.

  Raises:
    ValueError: if the shapes do not agree, or the images are too small.

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
  similarity = 1.0
  for scale, weight in enumerate(_SCALE_WEIGHTS):
    luminance, structure = _ssim_maps(x, y)
    if scale == len(_SCALE_WEIGHTS) - 1:
      structure = luminance * structure
    term = structure.mean(axis=2).mean(axis=1)
    similarity *= jnp.maximum(term, _LEAST_TERM) ** weight
    x, y = _halve(x), _halve(y)
  return similarity.mean(axis=-1)


def _ssim_maps(x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Returns luminance, and contrast times structure, `[N, H', W', C]` each."""
  # Variances do not change with the level. Taking out a constant first keeps
  # float32 from cancelling to noise on bright flat regions.
  level = y.mean(axis=(1, 2, 3), keepdims=True)
  x, y = x - level, y - level
  # One pass over all four maps compiles and runs several times faster.
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
  """Means of 2 x 2 pixels, `[N, H, W, C]` -> `[N, H // 2, W // 2, C]`."""
  height, width = (side // 2 * 2 for side in images.shape[1:3])
  images = images[:, :height, :width]
  images = (images[:, ::2] + images[:, 1::2]) / 2
  return (images[:, :, ::2] + images[:, :, 1::2]) / 2


def psnr_y(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """PSNR of the luma alone, as tables of super-resolution report it.

  NOTE: Those tables `quantize` the outputs and `shave` the border first. Luma
  spans 219 of the 255 levels, which is worth 1.32 dB over the same error in
  grey; a single channel is compared as it is, as those tables do. Grey in three
  channels is RGB there (Set14's `man`).

  Args:
    outputs: `[N, H, W, 1 or 3]` float32, grey or RGB.
    target: the same in [0, 1].

  Returns:
    `[N]` float32, dB.

  Raises:
    ValueError: if the shapes do not agree, or the images have other channels.

  Example:

    outputs, target = (shave(x, 2) for x in (quantize(outputs), target))
    psnr_y(outputs, target)
  """
  _check(outputs, target)  # Before grey could pass for the luma of a colour.
  return psnr(_luma(outputs), _luma(target))


def ssim_y(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """SSIM of the luma alone, as tables of super-resolution report it.

  Args, result, errors and what to do first are those of `psnr_y`.
  """
  _check(outputs, target)
  return ssim(_luma(outputs), _luma(target))


def quantize(images: jax.Array) -> jax.Array:
  """Clips to [0, 1] and rounds to 8 bits, as a file would."""
  return jnp.round(jnp.clip(images, 0.0, 1.0) * 255) / 255


def shave(images: jax.Array, border: int) -> jax.Array:
  """Cuts `border` pixels off each side of `[N, H, W, C]`.

  Raises:
    ValueError: if nothing would be left.
  """
  height, width = images.shape[1:3]
  if min(height, width) <= 2 * border:
    raise ValueError(
      f'Measuring leaves out {border} pixels along each side, which leaves '
      f'nothing of {height} x {width}.'
    )
  return images[:, border : height - border, border : width - border]


def _luma(images: jax.Array) -> jax.Array:
  """ITU-R BT.601 Y from 16 to 235, over 255: MATLAB's `rgb2ycbcr`, unrounded.

  `[N, H, W, 1 or 3]` -> `[N, H, W, 1]`; a single channel stays as it is.
  """
  if images.shape[-1] not in (1, 3):
    raise ValueError(
      f'Luma is that of a grey or an RGB image; got {images.shape}.'
    )
  if images.shape[-1] == 1:
    return images
  return color.rgb_to_ycbcr(images)[..., :1]


def _check(
  outputs: jax.Array, target: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """Returns both as float32, or raises `ValueError` where shapes differ."""
  if outputs.ndim != 4 or outputs.shape != target.shape:
    raise ValueError(
      'outputs and target must be two [N, H, W, C] of one shape; got '
      f'{outputs.shape} and {target.shape}.'
    )
  return outputs.astype(jnp.float32), target.astype(jnp.float32)
