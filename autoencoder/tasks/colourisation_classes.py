"""Colour as a class: the ab plane in bins, for a network that answers how
probable each is.

A pixel's lightness leaves its colour open, and the mean of all colours that it
may have, which least squares finds, is greyish. Zhang, Isola and Efros,
"Colorful image colorization", ECCV 2016 (arXiv:1603.08511), predict a
distribution instead, weigh rare colours up in the loss, and answer with the
mean of the sharpened distribution. `ab` is CIE Lab's, float32 `[..., 2]`.
"""

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.image import losses

# The paper's settings, sections 2.1 to 2.3: the side of a bin, the neighbours
# and the standard deviation of the soft encoding, the uniform share of the
# rebalancing (its lambda), the temperature of the annealed mean.
GRID = 10
NEIGHBOURS = 5
SIGMA = 5.0
UNIFORM = 0.5
TEMPERATURE = 0.38

# Mean chroma per axis of the prior, fitted to 400 photos; see `prior`.
_SPREAD = 11.0

# Lowest and highest b, in bins, at which sRGB has a colour, for a from -9 to
# 10. Numbers rather than a search, so that no rounding of a device adds a bin.
_RANGES = (
  ((8, 8), (4, 8), (2, 9), (0, 9), (-2, 9), (-3, 9), (-4, 9), (-4, 9))
  + ((-5, 9), (-6, 9), (-7, 8), (-8, 8), (-8, 8), (-9, 8), (-9, 7), (-10, 7))
  + ((-11, 7), (-11, 7), (-9, 0), (-7, -5))
)

# Centres of the bins, [CLASSES, 2].
# NOTE: 262. The paper counts 313 on the same grid: its authors' table reaches
# 15 units beyond the gamut of sRGB.
CENTERS = np.array(
  [
    (GRID * a, GRID * b)
    for a, (low, high) in enumerate(_RANGES, -9)
    for b in range(low, high + 1)
  ],
  np.float32,
)
CLASSES = len(CENTERS)


def soft_encode(ab: jax.Array) -> jax.Array:
  """Returns the distribution over classes that stands for each colour.

  The 5 nearest centres share the probability in proportion to a Gaussian of
  their distance, of standard deviation 5 (paper, section 2.2).

  Args:
    ab: `[..., 2]`.

  Returns:
    `[..., CLASSES]` float32, which sums to 1.
  """
  centers = CENTERS.reshape((1,) * (ab.ndim - 1) + CENTERS.shape)
  differences = [ab[..., i, None] - centers[..., i] for i in (0, 1)]
  distances = sum(map(jnp.square, differences))
  nearest, classes = jax.lax.top_k(-distances, NEIGHBOURS)
  gaussian = jax.nn.softmax(nearest / (2 * SIGMA**2))
  every = jnp.arange(CLASSES).reshape((1,) * (ab.ndim - 1) + (CLASSES,))
  return sum(
    gaussian[..., i, None] * (classes[..., i, None] == every)
    for i in range(NEIGHBOURS)
  )


def prior() -> np.ndarray:
  """Returns how probable each class is in photos, `[CLASSES]` float32.

  A closed form in place of a count over the training photos, which may be few:
  exp(-chroma / 11), normalised. 11 is the maximum likelihood (10.7, rounded)
  for the soft-encoded colours of the 400 photos of BSDS500's train and test
  parts; their own counts give weights that correlate with these at 0.84.
  """
  density = np.exp(-np.linalg.norm(CENTERS, axis=-1) / _SPREAD)
  return density / density.sum()


def rebalancing_weights(probability: np.ndarray) -> np.ndarray:
  """Returns how much a pixel of each class counts in the loss, `[CLASSES]`.

  Inverse to the class's probability mixed half and half with the uniform one,
  and 1 on average under `probability` (paper, equation 4).
  """
  mixed = (1 - UNIFORM) * probability + UNIFORM / len(probability)
  return 1 / mixed / (probability / mixed).sum()


def classification_loss(logits: jax.Array, ab: jax.Array) -> jax.Array:
  """Returns the rebalanced cross entropy, in nats per pixel (equation 2).

  Args:
    logits: `[N, H, W, CLASSES]`.
    ab: `[N, H, W, 2]`, the colours sought.

  Returns:
    `[N]` float32.
  """
  shares = soft_encode(ab)
  entropy = -(shares * jax.nn.log_softmax(logits)).sum(axis=-1, keepdims=True)
  weights = jnp.float32(rebalancing_weights(prior()))
  return losses.weighted_mean(
    weights[shares.argmax(axis=-1)][..., None] * entropy
  )


def annealed_mean(logits: jax.Array) -> jax.Array:
  """Returns one colour, `[..., 2]`, for each distribution (equation 5).

  The mean of the distribution at temperature 0.38: between the mean, which is
  greyish, and the mode, which is spotty.

  Args:
    logits: `[..., CLASSES]`.
  """
  sharpened = jax.nn.softmax(logits / TEMPERATURE)
  return jnp.matmul(sharpened, CENTERS, precision='highest')


def certain_logits(a: int, b: int) -> np.ndarray:
  """Returns the `[CLASSES]` logits whose mean is a centre, (0, 0) for grey."""
  certain = ((a, b) == CENTERS).all(axis=-1)
  return np.where(certain, 0, -1e4).astype(np.float32)
