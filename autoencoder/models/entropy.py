"""Entropy models: differentiable estimates of the bits that integers cost.

A latent is rounded before it is coded. Training replaces rounding by noise that
is uniform on [-1/2, 1/2). The density of latent plus noise, at an integer, is
the probability of that integer, so its logarithm is the rate (Balle et al.,
End-to-end optimized image compression, arXiv:1611.01704, section 3).

Latents are float32, channels last. `autoencoder.codec.tables` computes the
integer tables of the file format from these models.
"""

from collections.abc import Sequence
import math

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder.layers import bounds

# A Gaussian with this standard deviation has all but 6e-6 of its mass within
# 1/2 of its mean.
MIN_SCALE = 0.11

# 30 bits: about the cost in the codec of an integer that is not in its tables.
MIN_LIKELIHOOD = 2.0**-30


@jax.custom_jvp
def round_straight_through(x: jax.Array) -> jax.Array:
  """Rounds to the nearest integer, halves to even; the gradient is 1.

  Args:
    x: float array of any shape.

  Returns:
    Array like `x`, integers in floating point.

  Reference:
    Bengio et al., arXiv:1308.3432; Theis et al., arXiv:1703.00395.

  Example:

    >>> jax.grad(lambda x: round_straight_through(3 * x))(0.5).item()
    3.0
  """
  return jnp.round(x)


round_straight_through.defjvp(
  lambda primals, tangents: (jnp.round(*primals), *tangents)
)


def quantize(key: jax.Array | None, x: jax.Array) -> jax.Array:
  """Adds uniform noise if there is a key; rounds otherwise.

  Args:
    key: `[N]` keys, one per example, so that the noise does not depend on the
      number of devices; or one key for the whole array; or None.
    x: `[N, ...]` float32.

  Returns:
    Array like `x`: `x` plus noise in [-1/2, 1/2), or rounded to integers.

  Example:

    >>> quantize(None, jnp.array([0.4, 1.7])).tolist()
    [0.0, 2.0]
  """
  if key is None:
    return jnp.round(x)
  if key.ndim:
    return jax.vmap(quantize)(key, x)
  return x + jax.random.uniform(key, x.shape, x.dtype, -0.5, 0.5)


def gaussian_bits(y: jax.Array, mean: jax.Array, scale: jax.Array) -> jax.Array:
  """Returns the bits of `y` under a Gaussian convolved with a uniform density.

  NOTE: `bounds.lower_bound` limits `scale` to at least `MIN_SCALE`, and the
  likelihood of each element to at least `MIN_LIKELIHOOD` (30 bits). Further
  than 13 standard deviations from the mean, the gradient is zero in float32.

  Args:
    y: `[N, ...]` float32, the latent: rounded or with uniform noise.
    mean: like `y`, means of the Gaussians.
    scale: like `y`, standard deviations.

  Returns:
    `[N]` float32, the bits of each example.

  Reference:
    Minnen et al., arXiv:1809.02736, equation 4.

  Example:

    >>> zero = jnp.zeros((1, 5))
    >>> gaussian_bits(zero, zero, zero).item() < 1e-3
    True
  """
  scale = bounds.lower_bound(scale, MIN_SCALE)
  # By symmetry, use the left tail: both values are small there, and their
  # difference is accurate.
  distance = jnp.abs(y - mean)
  upper = jax.scipy.special.ndtr((0.5 - distance) / scale)
  lower = jax.scipy.special.ndtr((-0.5 - distance) / scale)
  likelihood = bounds.lower_bound(upper - lower, MIN_LIKELIHOOD)
  return _sum_per_example(-jnp.log2(likelihood))


class FactorizedPrior(nnx.Module):
  """A learned density for each channel, of any shape.

  The cumulative distribution is a small monotone network: layers of positive
  matrices, biases and `x + tanh(a) tanh(x)`. The probability of z is the
  increase of the cumulative distribution from z - 1/2 to z + 1/2.

  NOTE: The parameters are stored as vectors, not matrices. They are not linear
  maps between channels, and optimisers that orthogonalise or decay kernels
  recognise kernels by their number of axes.

  Args:
    channels: channels of the latent.
    filters: widths of the hidden layers.
    init_scale: half the width of the initial density, in units of z.
    rngs: parameter key.

  Reference:
    Balle et al., Variational image compression with a scale hyperprior,
    arXiv:1802.01436, appendix 6.1.

  Example:

    >>> prior = FactorizedPrior(8, rngs=nnx.Rngs(0))
    >>> prior.bits(jnp.zeros((2, 4, 4, 8))).shape
    (2,)
  """

  def __init__(
    self,
    channels: int,
    *,
    filters: Sequence[int] = (3, 3, 3),
    init_scale: float = 10.0,
    rngs: nnx.Rngs,
  ):
    self.channels = channels
    self.widths = (1, *filters, 1)
    layers = len(self.widths) - 1
    scale = init_scale ** (1 / layers)
    for i in range(layers):
      fan_in, fan_out = self.widths[i : i + 2]
      # The inverse of softplus, so that each layer divides by `scale` at first.
      start = math.log(math.expm1(1 / (scale * fan_out)))
      size = channels * fan_out
      setattr(self, f'matrix{i}', nnx.Param(jnp.full((size * fan_in,), start)))
      bias = jax.random.uniform(rngs.params(), (size,), minval=-0.5, maxval=0.5)
      setattr(self, f'bias{i}', nnx.Param(bias))
      if i < layers - 1:
        setattr(self, f'factor{i}', nnx.Param(jnp.zeros((size,))))

  def logits(self, z: jax.Array) -> jax.Array:
    """Returns the logits of the cumulative distribution at `z`.

    Args:
      z: `[..., channels]` float32.

    Returns:
      Array like `z`, increasing in `z`.
    """
    h = z.reshape(-1, self.channels, 1)
    for i in range(len(self.widths) - 1):
      fan_in, fan_out = self.widths[i : i + 2]
      matrix = jax.nn.softplus(getattr(self, f'matrix{i}')[...])
      matrix = matrix.reshape(self.channels, fan_out, fan_in)
      bias = getattr(self, f'bias{i}')[...].reshape(1, self.channels, fan_out)
      h = jnp.einsum('pci,coi->pco', h, matrix) + bias
      if hasattr(self, f'factor{i}'):
        factor = getattr(self, f'factor{i}')[...].reshape(bias.shape)
        h = h + jnp.tanh(factor) * jnp.tanh(h)
    return h.reshape(z.shape)

  def element_bits(
    self, z: jax.Array, width: jax.Array | float = 1.0
  ) -> jax.Array:
    """Returns the bits of each element.

    Args:
      z: `[..., channels]` float32: multiples of `width`, or with noise.
      width: quantisation step: a number, or an array of the shape of `z`.

    Returns:
      Array like `z`; finite even if `z` is very unlikely.
    """
    half = 0.5 * jnp.asarray(width, z.dtype)
    lower, upper = self.logits(z - half), self.logits(z + half)
    # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)). The
    # right-hand side has no difference of two numbers close to 1, and its
    # logarithm does not underflow.
    gap = bounds.lower_bound(upper - lower, 1e-6)
    log_likelihood = (
      jax.nn.log_sigmoid(upper)
      + jax.nn.log_sigmoid(-lower)
      + jnp.log(-jnp.expm1(-gap))
    )
    return -log_likelihood / math.log(2)

  def bits(self, z: jax.Array, width: jax.Array | float = 1.0) -> jax.Array:
    """Returns the bits of each example, `[N]` float32.

    Args:
      z: `[N, ..., channels]` float32: multiples of `width`, or with noise; see
        `quantize`.
      width: quantisation step: a number, or an array of the shape of `z`.
    """
    return _sum_per_example(self.element_bits(z, width))


def _sum_per_example(x: jax.Array) -> jax.Array:
  """Returns the sum over all axes but the first, `[N]`."""
  return x.reshape(x.shape[0], -1).sum(axis=1)
