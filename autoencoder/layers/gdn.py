"""Generalised divisive normalisation, the activation of learned codecs."""

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder.layers import bounds

EXPONENTS = (1, 2)

# Parameters are stored as square roots, shifted by this: the gradient of a
# square vanishes at 0, where most of `gamma` starts (Balle 2018, "Efficient
# nonlinear transforms for lossy image compression", arXiv:1802.00847).
_PEDESTAL = 2.0**-36
_LEAST_BETA = 1e-6

# Initial weight of a channel in its own pool; other channels start at 0.
_GAMMA = 0.02


class GDN(nnx.Module):
  """Divides each channel by a learned pool of all channels at its position.

  With exponent 2, `y_i = x_i / sqrt(beta_i + sum_j gamma_ji x_j^2)`; with
  exponent 1, `y_i = x_i / (beta_i + sum_j gamma_ji |x_j|)`, which works as well
  and needs no root. The inverse layer, for decoders, multiplies by the pool of
  its own input. It inverts GDN only approximately.

  Args:
    channels: number of input and of output channels.
    inverse: whether to multiply instead of dividing.
    exponent: 1 or 2.

  Attributes:
    beta: `[C]`, square roots; `effective()` returns the values used.
    gamma: `[C, C]`, square roots, from inputs to outputs.

  Raises:
    ValueError: if the exponent is another.

  References:
    Balle, Laparra, Simoncelli, "Density modeling of images using a generalized
    normalization transformation", arXiv:1511.06281, equation 6; Johnston et
    al., "Computationally efficient neural image compression",
    arXiv:1912.08771, section 3, for exponent 1.

  Example:

    >>> GDN(2)(jnp.array([[3.0, 4.0]])).shape
    (1, 2)
  """

  def __init__(
    self, channels: int, *, inverse: bool = False, exponent: int = 1
  ):
    if exponent not in EXPONENTS:
      raise ValueError(f'exponent must be 1 or 2, got {exponent}.')
    self.inverse = inverse
    self.exponent = exponent
    self.beta = nnx.Param(jnp.sqrt(jnp.ones(channels) + _PEDESTAL))
    self.gamma = nnx.Param(jnp.sqrt(_GAMMA * jnp.eye(channels) + _PEDESTAL))

  def effective(self) -> tuple[jax.Array, jax.Array]:
    """Returns beta, at least 1e-6, and gamma, at least 0, without the root."""
    beta = bounds.lower_bound(self.beta[...], (_LEAST_BETA + _PEDESTAL) ** 0.5)
    gamma = bounds.lower_bound(self.gamma[...], _PEDESTAL**0.5)
    return jnp.square(beta) - _PEDESTAL, jnp.square(gamma) - _PEDESTAL

  def pool(self, x: jax.Array) -> jax.Array:
    """Returns the divisor of each value of a `[..., C]` array."""
    beta, gamma = (each.astype(x.dtype) for each in self.effective())
    pooled = jnp.abs(x) if self.exponent == 1 else jnp.square(x)
    # A 1 x 1 convolution.
    pool = pooled @ gamma
    pool = pool + jnp.expand_dims(beta, tuple(range(x.ndim - 1)))
    return jnp.sqrt(pool) if self.exponent == 2 else pool

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns the normalised `[..., C]`."""
    pool = self.pool(x)
    return x * pool if self.inverse else x / pool
