"""Classical denoisers and upscalers, from scikit-image and Pillow.

They take and return one NumPy image, `[H, W, C]` float32 with C = 1 or 3, and
run on the host. Both denoisers are told the true standard deviation of the
noise, which a network trained for unknown noise is not. scikit-image is
imported at the first call.
"""

from collections.abc import Callable
import functools
from typing import Any

import numpy as np
from PIL import Image

from autoencoder.image import resize


def non_local_means(noisy: np.ndarray, sigma: float) -> np.ndarray:
  """Averages each pixel with those that have similar surroundings.

  Settings for a known noise level from the scikit-image gallery: h = 0.8 sigma,
  patches of 5 x 5 pixels, searched up to 6 pixels away, fast mode.

  Args:
    noisy: `[H, W, C]` float32, around [0, 1], not clipped; C is 1 or 3.
    sigma: standard deviation of the noise, on the same scale; at least 0.

  Returns:
    `[H, W, C]` float32, not clipped.

  Raises:
    ValueError: `noisy` is not such an image or `sigma` is negative.

  References:
    Buades, Coll, Morel, "A non-local algorithm for image denoising", CVPR 2005.

  Example:

    restored = non_local_means(noisy, sigma=25 / 255)
  """
  from skimage import restoration

  noisy = _check(noisy, sigma)
  if sigma == 0:  # There is no noise, and h = 0 would divide by zero.
    return noisy
  grey = noisy.shape[-1] == 1
  restored = restoration.denoise_nl_means(
    # scikit-image would mistake the columns of `[H, W, 1]` for channels.
    noisy[..., 0] if grey else noisy,
    patch_size=5,
    patch_distance=6,
    h=0.8 * sigma,
    sigma=sigma,
    fast_mode=True,
    channel_axis=None if grey else -1,
  )
  # It drops axes of length 1, including the width of a 1-pixel-wide image.
  return restored.reshape(noisy.shape).astype(np.float32)


def total_variation(noisy: np.ndarray, sigma: float) -> np.ndarray:
  """Minimises the total variation near the noisy image, channel by channel.

  The weight is 1.6 sigma^1.25, that is 0.9 sigma at sigma = 25/255. It favours
  the baseline: it was fitted to the weights with the best mean PSNR for sigma =
  5, 15, 25, 50 and 75 (of 255), on 256 x 256 crops of six photos that are not
  held out (astronaut, chelsea, china, hubble_deep_field, motorcycle_left,
  retina), grey and colour, and is close to the best weight at each sigma.

  Args:
    noisy: `[H, W, C]` float32, around [0, 1], not clipped; C is 1 or 3.
    sigma: standard deviation of the noise, on the same scale; at least 0.

  Returns:
    `[H, W, C]` float32, not clipped.

  Raises:
    ValueError: `noisy` is not such an image or `sigma` is negative.

  References:
    Rudin, Osher, Fatemi, "Nonlinear total variation based noise removal
    algorithms", Physica D 1992; solved as in Chambolle, "An algorithm for total
    variation minimization and applications", JMIV 2004.

  Example:

    restored = total_variation(noisy, sigma=25 / 255)
  """
  from skimage import restoration

  noisy = _check(noisy, sigma)
  if sigma == 0:
    return noisy
  restored = restoration.denoise_tv_chambolle(
    noisy,
    weight=1.6 * sigma**1.25,
    # With the default of 2e-4 it stops before it converges.
    eps=1e-5,
    channel_axis=-1,
  )
  return restored.astype(np.float32)


def lanczos(image: np.ndarray, scale: int) -> np.ndarray:
  """Enlarges by Lanczos interpolation over 6 x 6 pixels, with Pillow.

  Args:
    image: `[H, W, C]` float32.
    scale: output pixels per input pixel.

  Returns:
    `[scale * H, scale * W, C]` float32, not clipped.

  Example:

    enlarged = lanczos(image, 2)
  """
  height, width, channels = image.shape
  size = (scale * width, scale * height)
  planes = np.moveaxis(np.asarray(image, np.float32), -1, 0)
  lanczos_filter = Image.Resampling.LANCZOS
  return np.stack(
    [
      np.asarray(Image.fromarray(plane).resize(size, lanczos_filter))
      for plane in planes
    ],
    axis=-1,
  )


def _check(noisy: np.ndarray, sigma: float) -> np.ndarray:
  """Returns `noisy` as float32, or raises `ValueError`."""
  noisy = np.asarray(noisy, np.float32)
  if noisy.ndim != 3 or noisy.shape[-1] not in (1, 3):
    raise ValueError(
      f'noisy must be [H, W, 1] or [H, W, 3]; got {list(noisy.shape)}.'
    )
  if not sigma >= 0:
    raise ValueError(f'sigma must be at least 0; got {sigma}.')
  return noisy


def denoiser(method: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
  """Returns `method` as a baseline `(example, config)` of the denoising task.

  The method is told the standard deviation of the whole noise at the image's
  mean brightness: Gaussian noise of `config.sigma` and shot noise of
  `config.photon`, both out of 255. An example that knows the deviation of its
  noise has it in `extra`, out of 1.
  """

  def run(example: Any, config: Any) -> np.ndarray:
    noisy = np.asarray(example.inputs[..., : example.target.shape[-1]])
    if example.extra is not None:
      return method(noisy, float(example.extra))
    shot = config.photon / 255 * max(float(noisy.mean()), 0.0)
    return method(noisy, ((config.sigma / 255) ** 2 + shot) ** 0.5)

  return run


DENOISERS = {
  'non-local means': denoiser(non_local_means),
  'total variation': denoiser(total_variation),
}


def enlarger(method: Callable[..., Any]) -> Callable[..., np.ndarray]:
  """Returns `method(image, scale)` as a baseline `(example, config)`."""

  def run(example: Any, config: Any) -> np.ndarray:
    return np.asarray(method(example.inputs, config.model.scale))

  return run


ENLARGERS = {
  'bicubic': enlarger(functools.partial(resize.bicubic, eight_bit=True)),
  'Lanczos': enlarger(lanczos),
}
