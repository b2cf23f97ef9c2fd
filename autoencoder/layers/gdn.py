"""Generalised divisive normalisation, the activation of learned codecs."""

from flax import nnx
import jax
import jax.numpy as jnp

EXPONENTS = (1, 2)

# Parameters are kept as roots, shifted by this: the gradient of a square
# vanishes at 0, where most of `gamma` starts out (Balle 2018, "Efficient
# nonlinear transforms for lossy image compression", arXiv:1802.00847).
_PEDESTAL = 2.0**-36
_LEAST_BETA = 1e-6

# Of each channel by itself, at initialisation.
_GAMMA = 0.02


@jax.custom_vjp
def lower_bound(x: jax.Array, bound: float | jax.Array) -> jax.Array:
  """Returns `max(x, bound)`, with a gradient that leads back above the bound.

  NOTE: Where `x` is below, the gradient of `max` is 0 and a parameter stuck
  there would stay. Here it passes if a descent step would raise `x`.

  Args:
    x: float array.
    bound: a number, or an array that broadcasts to `x`; it gets no gradient.

  Returns:
    An array like `x`.

  Example:

    >>> jax.grad(lower_bound)(-1.0, 0.0), jax.grad(
    ...     lambda x: -lower_bound(x, 0.0))(-1.0)
    (Array(0., dtype=float32, weak_type=True), Array(-1., dtype=float32, weak_type=True))
  """
  return jnp.maximum(x, bound)


def _lower_bound_forward(x, bound):
  return lower_bound(x, bound), (x >= bound, bound)


def _lower_bound_backward(residuals, gradient):
  above, bound = residuals
  passes = above | (gradient < 0)
  return jnp.where(passes, gradient, 0.0), jnp.zeros_like(bound)


lower_bound.defvjp(_lower_bound_forward, _lower_bound_backward)


class GDN(nnx.Module):
  """Divides each channel by a learned pool of all channels at its place.

  With exponent 2, `y_i = x_i / sqrt(beta_i + sum_j gamma_ji x_j^2)`; with
  exponent 1, `y_i = x_i / (beta_i + sum_j gamma_ji |x_j|)`, which is as good
  and needs no root. The inverse layer, for decoders, multiplies by the same
  pool instead. It undoes GDN only roughly, as the pool is of the outputs.

  Args:
    channels: of the input and of the output.
    inverse: whether to multiply instead of dividing.
    exponent: 1 or 2.

  Attributes:
    beta: `[C]`; `effective()` says what it stands for.
    gamma: `[C, C]`, from inputs to outputs.

  Raises:
    ValueError: another exponent.

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
      raise ValueError(f'exponent takes 1 or 2; got {exponent}.')
    self.inverse = inverse
    self.exponent = exponent
    self.beta = nnx.Param(jnp.sqrt(jnp.ones(channels) + _PEDESTAL))
    self.gamma = nnx.Param(jnp.sqrt(_GAMMA * jnp.eye(channels) + _PEDESTAL))

  def effective(self) -> tuple[jax.Array, jax.Array]:
    """Returns beta, at least 1e-6, and gamma, at least 0."""
    beta = lower_bound(self.beta[...], (_LEAST_BETA + _PEDESTAL) ** 0.5)
    gamma = lower_bound(self.gamma[...], _PEDESTAL**0.5)
    return jnp.square(beta) - _PEDESTAL, jnp.square(gamma) - _PEDESTAL

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns the normalised `[..., C]`."""
    beta, gamma = (each.astype(x.dtype) for each in self.effective())
    pooled = jnp.abs(x) if self.exponent == 1 else jnp.square(x)
    # A matrix product over places: a 1 x 1 convolution.
    pool = pooled @ gamma
    pool = pool + jnp.expand_dims(beta, tuple(range(x.ndim - 1)))
    if self.exponent == 2:
      pool = jnp.sqrt(pool)
    return x * pool if self.inverse else x / pool
