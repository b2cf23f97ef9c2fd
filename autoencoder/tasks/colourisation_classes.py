"""Colourisation as classification: a distribution over bins of the ab plane.

Several colours are plausible for a pixel of known lightness. Least squares
predicts their mean, which is greyish. Zhang, Isola and Efros, "Colorful image
colorization", ECCV 2016 (arXiv:1603.08511), predict a distribution over colours
instead, give rare colours a higher weight in the loss, and return the mean of
the sharpened distribution. `ab` are a and b of CIE Lab, float32 `[..., 2]`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.image import losses

# The paper's settings (sections 2.1 to 2.3): the side of a bin; the number of
# neighbours and the standard deviation of the soft encoding; the weight of the
# uniform distribution in the rebalancing (lambda); the temperature of the
# annealed mean.
GRID = 10
NEIGHBOURS = 5
SIGMA = 5.0
UNIFORM = 0.5
TEMPERATURE = 0.38

# Decay of the prior with the chroma, fitted to 400 photos; see `prior`.
_SPREAD = 11.0

# The smallest and the largest b of the sRGB gamut, in bins, for each a from -9
# to 10. They are written out because a search could find other bins on a device
# that rounds differently.
_RANGES = (
  ((8, 8), (4, 8), (2, 9), (0, 9), (-2, 9), (-3, 9), (-4, 9), (-4, 9))
  + ((-5, 9), (-6, 9), (-7, 8), (-8, 8), (-8, 8), (-9, 8), (-9, 7), (-10, 7))
  + ((-11, 7), (-11, 7), (-9, 0), (-7, -5))
)

# Centres of the bins, [CLASSES, 2].
# NOTE: There are 262. The paper has 313 bins on the same grid, because its
# table extends 15 units beyond the sRGB gamut.
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
  """Returns the soft encoding of each colour, a distribution over the classes.

  The 5 nearest centres have probabilities proportional to a Gaussian of their
  distance with standard deviation 5 (paper, section 2.2).

  Args:
    ab: `[..., 2]`.

  Returns:
    `[..., CLASSES]` float32; the last axis sums to 1.
  """
  centers = CENTERS.reshape((1,) * (ab.ndim - 1) + CENTERS.shape)
  differences = [ab[..., i, None] - centers[..., i] for i in (0, 1)]
  distances = sum(map(jnp.square, differences))
  nearest, classes = jax.lax.top_k(-distances, NEIGHBOURS)
  gaussian = jax.nn.softmax(nearest / (2 * SIGMA**2))
  every = jnp.arange(CLASSES).reshape((1,) * (ab.ndim - 1) + (CLASSES,))
  shares = [
    gaussian[..., i, None] * (classes[..., i, None] == every)
    for i in range(NEIGHBOURS)
  ]
  return functools.reduce(jnp.add, shares)


def prior() -> np.ndarray:
  """Returns the probability of each class in photos, `[CLASSES]` float32.

  It is proportional to exp(-chroma / 11). This closed form replaces a count
  over the training photos, which may be few. 11 is the rounded maximum
  likelihood estimate for the soft-encoded colours of 400 photos (the train and
  test parts of BSDS500).
  """
  density = np.exp(-np.linalg.norm(CENTERS, axis=-1) / _SPREAD)
  return density / density.sum()


def rebalancing_weights(probability: np.ndarray) -> np.ndarray:
  """Returns the weight of each class in the loss, `[CLASSES]`.

  A weight is inversely proportional to the mean of the class's probability and
  the uniform probability. The expected weight is 1 (paper, equation 4).

  Args:
    probability: `[CLASSES]`, such as `prior()`.
  """
  mixed = (1 - UNIFORM) * probability + UNIFORM / len(probability)
  return 1 / mixed / (probability / mixed).sum()


def classification_loss(logits: jax.Array, ab: jax.Array) -> jax.Array:
  """Returns the rebalanced cross entropy, in nats per pixel (equation 2).

  Args:
    logits: `[N, H, W, CLASSES]`.
    ab: `[N, H, W, 2]`, the true colours.

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
  """Returns one colour for each distribution, `[..., 2]` (equation 5).

  This is the mean of the distribution at temperature 0.38, a compromise between
  the mean, which is greyish, and the mode, which is spotty.

  Args:
    logits: `[..., CLASSES]`.
  """
  sharpened = jax.nn.softmax(logits / TEMPERATURE)
  return jnp.matmul(sharpened, CENTERS, precision='highest')


def certain_logits(a: int, b: int) -> np.ndarray:
  """Returns the logits `[CLASSES]` of a distribution with a single colour.

  Args:
    a: of the centre of a bin.
    b: of the centre of a bin; both are 0 for grey.
  """
  certain = (np.array((a, b)) == CENTERS).all(axis=-1)
  return np.where(certain, 0, -1e4).astype(np.float32)
