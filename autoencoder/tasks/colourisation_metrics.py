"""Metrics of predicted colours, one number per image.

`ab` are a and b of CIE Lab, float32 `[N, H, W, 2]`. RGB is float32 in [0, 1].
"""

import jax
import jax.numpy as jnp

from autoencoder.image import color
from autoencoder.image import metrics

# Zhang et al. integrate the cumulative distribution from 0 to this threshold.
_LARGEST_ERROR = 150


def compare(
  ab: jax.Array, target: jax.Array, lightness: jax.Array
) -> dict[str, jax.Array]:
  """Returns all metrics of a colourisation, `{name: [N]}`, PSNR of RGB first.

  NOTE: `colorfulness` does not measure an error, only how vivid the colours
  are.

  Args:
    ab: `[N, H, W, 2]`, the predicted colours. The RGB metrics compare images as
      they are displayed: with reduced chroma where a colour is outside of the
      sRGB gamut.
    target: `[N, H, W, 2]`, the true colours.
    lightness: `[N, H, W, 1]`, L in [0, 100] of both images.
  """
  shown, original = color.paint(lightness, ab), color.paint(lightness, target)
  return {
    'psnr': metrics.psnr(shown, original),
    'psnr_ab': psnr_ab(ab, target),
    'auc_ab': auc_ab(ab, target),
    'colorfulness': colorfulness(shown),
  }


def psnr_ab(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """Returns the peak signal-to-noise ratio of a and b, with a peak of 255.

  The peak is the range of 8 bits, in which a and b are commonly stored.

  Args:
    outputs: `[N, H, W, 2]`.
    target: `[N, H, W, 2]`.

  Returns:
    `[N]` float32, dB; at most 100.

  Example:

    psnr_ab(ab + 2.55, ab)  # [40.0]
  """
  return metrics.psnr(outputs / 255, target / 255)


def auc_ab(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """Returns the area under the cumulative distribution of ab errors.

  The distribution is the share of pixels whose Euclidean distance in ab is at
  most t, for t = 0, 1 ... 150. It is integrated by the trapezoidal rule and
  divided by 150. A grey image scores high, because most colours of a photo are
  close to grey.

  Args:
    outputs: `[N, H, W, 2]`.
    target: `[N, H, W, 2]`.

  Returns:
    `[N]` float32 in [0, 1]; 1 if all pixels are correct.

  Reference:
    Zhang, Isola, Efros, "Colorful image colorization", ECCV 2016
    (arXiv:1603.08511), section 3.1, "raw accuracy (AuC)".

  Example:

    auc_ab(ab + jnp.array([30.0, 0.0]), ab)  # [0.8033]
  """
  squares = jnp.square(outputs - target).sum(axis=-1)
  # A pixel counts fully from the smallest threshold that its error does not
  # exceed, and half in the interval before. Compare squares, because a rounded
  # square root could exceed the threshold.
  thresholds = jnp.arange(_LARGEST_ERROR + 1, dtype=jnp.float32)
  first = jnp.searchsorted(thresholds**2, squares.ravel(), side='left')
  passed = jnp.where(first == 0, _LARGEST_ERROR, _LARGEST_ERROR + 0.5 - first)
  passed = jnp.maximum(passed, 0.0).reshape(squares.shape)
  return passed.mean(axis=2).mean(axis=1) / _LARGEST_ERROR


def colorfulness(rgb: jax.Array) -> jax.Array:
  """Returns how colourful an image looks: 0 is grey, 33 average, 109 extreme.

  Args:
    rgb: `[N, H, W, 3]` float32 in [0, 1].

  Returns:
    `[N]` float32, on the scale of RGB in [0, 255].

  Reference:
    Hasler and Suesstrunk, "Measuring colourfulness in natural images", SPIE
    2003, section 7 (the metric M3 in RGB).

  Example:

    colorfulness(jnp.ones((1, 8, 8, 3)))  # [0.0]
  """
  red, green, blue = (255 * rgb[..., i] for i in range(3))
  opponents = jnp.stack([red - green, (red + green) / 2 - blue])
  mean = opponents.mean(axis=(2, 3))
  centered = opponents - mean[..., None, None]
  variance = jnp.square(centered).mean(axis=(2, 3))
  return jnp.sqrt(variance.sum(axis=0)) + 0.3 * jnp.sqrt(
    jnp.square(mean).sum(axis=0)
  )
