"""Lower bounds on parameters, with gradients that can leave the bound."""

import functools

import jax
import jax.numpy as jnp


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def lower_bound(x: jax.Array, bound: float) -> jax.Array:
  """Returns `max(x, bound)`, with a gradient that can lift `x` again.

  NOTE: Below the bound the true gradient is zero. This one is passed on there
  if a descent step along it would increase `x`.

  Args:
    x: array of any shape.
    bound: the smallest value.

  Returns:
    Array like `x`.

  Example:

    >>> jax.grad(lambda x: -lower_bound(x, 1.0))(0.5).item()
    -1.0
  """
  return jnp.maximum(x, jnp.asarray(bound, x.dtype))


def _lower_bound_forward(x, bound):
  return lower_bound(x, bound), x >= bound


def _lower_bound_backward(unused_bound, is_free, gradient):
  return (jnp.where(is_free | (gradient < 0), gradient, 0),)


lower_bound.defvjp(_lower_bound_forward, _lower_bound_backward)
