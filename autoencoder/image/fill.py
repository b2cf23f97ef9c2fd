"""Fills holes of images with a first guess, on the device.

A mask is 1 in holes and 0 at known pixels.
"""

import functools
import operator
from typing import Any

import jax
import jax.numpy as jnp

# Number of scales, and the weight of each relative to the one before. A larger
# factor blurs small holes; a smaller one fills large holes worse, because the
# weights of coarse scales vanish.
_SCALES, _DECAY = 7, 1 / 16
# Weight of mid-grey: less than the smallest weight of a known pixel.
_GREY_WEIGHT = 1e-12

# A filled pixel depends on pixels up to this many rows or columns away.
REACH = 2**_SCALES - 1


def fill_holes(image: jax.Array, mask: jax.Array) -> jax.Array:
  """Fills the holes of `image` with weighted means of nearby known pixels.

  Uses normalised convolution: the blurred known pixels are divided by the
  blurred mask of known pixels. The kernel is a sum of kernels of increasing
  width and decreasing weight, so that the nearest pixels dominate. The function
  commutes with shifts and reaches `REACH` pixels, so it works in overlapping
  tiles. Pixels farther away from all known pixels become mid-grey.

  Args:
    image: `[H, W, C]` float32 in [0, 1]; values in the holes are ignored.
    mask: `[H, W, 1]` float32, 1 in holes and 0 at known pixels.

  Returns:
    `[H, W, C]` float32; known pixels are not changed.

  References:
    Knutsson and Westin, "Normalized and differential convolution", CVPR 1993.
    The scales are those of the a trous wavelet transform (Holschneider et al.,
    1989): [1, 2, 1] / 4, with a gap that doubles.

  Example:

    >>> fill_holes(jnp.full((8, 8, 3), 0.2), jnp.ones((8, 8, 1)))[0, 0, 0]
    Array(0.5, dtype=float32)
  """
  known = (mask == 0).astype(jnp.float32)
  blurred = jnp.concatenate([jnp.where(mask > 0, 0.0, image), known], axis=-1)
  terms = []
  for scale in range(_SCALES):
    blurred = _blur(blurred, 2**scale)
    terms.append(_DECAY**scale * blurred)
  total = functools.reduce(operator.add, terms)
  values = (total[..., :-1] + 0.5 * _GREY_WEIGHT) / (
    total[..., -1:] + _GREY_WEIGHT
  )
  return jnp.where(mask > 0, values, image)


def keep_known(
  outputs: jax.Array, inputs: jax.Array, config: Any = None
) -> jax.Array:
  """Returns the output in the holes and the input at known pixels.

  Has the signature of `Task.finish`.

  Args:
    outputs: `[..., H, W, C]` float32, the output of the model.
    inputs: `[..., H, W, C + 1]` float32, the filled image and its mask.
    config: not used.

  Returns:
    `[..., H, W, C]` float32; the output is clipped to [0, 1].

  Example:

    >>> keep_known(jnp.ones((4, 4, 3)), jnp.zeros((4, 4, 4))).max()
    Array(0., dtype=float32)
  """
  del config
  image, mask = inputs[..., :-1], inputs[..., -1:]
  return jnp.where(mask > 0, jnp.clip(outputs, 0.0, 1.0), image)


def _blur(image: jax.Array, gap: int) -> jax.Array:
  """Convolves both axes with [1, 2, 1] / 4, dilated by `gap`, padding zeros."""
  for axis in (0, 1):
    size = image.shape[axis]
    pads = [(gap, gap) if i == axis else (0, 0) for i in range(3)]
    padded = jnp.pad(image, pads)
    before, here, after = (
      jax.lax.slice_in_dim(padded, i * gap, i * gap + size, axis=axis)
      for i in range(3)
    )
    image = 0.25 * before + 0.5 * here + 0.25 * after
  return image
