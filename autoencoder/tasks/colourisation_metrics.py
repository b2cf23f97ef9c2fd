"""How right, and how vivid, the colours of an image are: one number each.

`ab` is CIE Lab's, float32 `[N, H, W, 2]`; RGB is float32 in [0, 1]. The caller
averages over images.
"""

import jax
import jax.numpy as jnp

from autoencoder.image import color
from autoencoder.image import metrics

# Zhang et al. integrate the cumulative errors over the thresholds 0 ... 150.
_LARGEST_ERROR = 150


def compare(
  ab: jax.Array, target: jax.Array, lightness: jax.Array
) -> dict[str, jax.Array]:
  """Returns every metric of a colourisation, `{name: [N]}`, PSNR of RGB first.

  NOTE: `colorfulness` is no measure of error: it tells bold from pale.

  Args:
    ab: `[N, H, W, 2]`, the colours answered. RGB is compared as it is shown,
      with the chroma reduced where the lightness leaves less room.
    target: `[N, H, W, 2]`, the original's.
    lightness: `[N, H, W, 1]`, L in [0, 100], of both.
  """
  shown, original = color.paint(lightness, ab), color.paint(lightness, target)
  return {
    'psnr': metrics.psnr(shown, original),
    'psnr_ab': psnr_ab(ab, target),
    'auc_ab': auc_ab(ab, target),
    'colorfulness': colorfulness(shown),
  }


def psnr_ab(outputs: jax.Array, target: jax.Array) -> jax.Array:
  """Peak signal-to-noise ratio of a and b in dB, with a peak of 255.

  255 levels are what 8 bits hold, which a and b are commonly stored in.

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
  """Area under the cumulative distribution of ab errors, in [0, 1].

  The share of pixels whose Euclidean distance in ab is at most t, for the
  thresholds t = 0, 1 ... 150, integrated by the trapezoidal rule and divided by
  150. Grey scores high, since most colours of a photo are close to it.

  Args:
    outputs: `[N, H, W, 2]`.
    target: `[N, H, W, 2]`.

  Returns:
    `[N]` float32; 1 where every pixel is right.

  Reference:
    Zhang, Isola, Efros, "Colorful image colorization", ECCV 2016
    (arXiv:1603.08511), section 3.1, "raw accuracy (AuC)".

  Example:

    auc_ab(ab + jnp.array([30.0, 0.0]), ab)  # [0.8033]
  """
  squares = jnp.square(outputs - target).sum(axis=-1)
  # The smallest threshold that a pixel passes: it counts from there on, and
  # half in the interval before. Exact in squares, where a root may round up.
  thresholds = jnp.arange(_LARGEST_ERROR + 1, dtype=jnp.float32)
  first = jnp.searchsorted(thresholds**2, squares.ravel(), side='left')
  passed = jnp.where(first == 0, _LARGEST_ERROR, _LARGEST_ERROR + 0.5 - first)
  passed = jnp.maximum(passed, 0.0).reshape(squares.shape)
  return passed.mean(axis=2).mean(axis=1) / _LARGEST_ERROR


def colorfulness(rgb: jax.Array) -> jax.Array:
  """How colourful an image looks: 0 is grey, 33 average, 109 extremely so.

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
