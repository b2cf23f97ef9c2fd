"""Muon: momentum made orthogonal, with few products of tall matrices."""

import math

import jax
import jax.numpy as jnp
import optax

# Of each step's polynomial in the singular values, a s + b s^3 + c s^5: they
# end between 0.7 and 1.2, which is near enough, after few steps (Jordan, 2024).
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_STEPS = 5


def muon(
  learning_rate: optax.ScalarOrSchedule,
  *,
  weight_decay: float = 0.0,
  momentum: float = 0.95,
) -> optax.GradientTransformation:
  """Returns Muon, for parameters that are all matrices `[..., C_in, C_out]`.

  The values are those of `optax.contrib.muon`, apart from how the first steps'
  momentum is corrected. That one multiplies the matrix of a kernel, nine times
  as tall as wide at 3 x 3, ten times a step, this one twice. The update of a
  model of 0.9 M parameters, in steps of 0.2 s: 33 ms by that one, 11 by this.

  Args:
    learning_rate: or a schedule of it.
    weight_decay: decoupled, times the learning rate.
    momentum: decay of the gradients' sum, looked ahead of as Nesterov does.

  References:
    Jordan et al., "Muon: an optimizer for hidden layers in neural networks",
    2024.

  Example:

    >>> optimizer = muon(1e-2)
    >>> state = optimizer.init({'kernel': jnp.ones((3, 3, 8, 16))})
  """
  return optax.chain(
    optax.trace(momentum, nesterov=True),
    optax.stateless_with_tree_map(lambda update, _: _move(update)),
    optax.add_decayed_weights(weight_decay),
    optax.scale_by_learning_rate(learning_rate),
  )


def _move(momentum: jax.Array) -> jax.Array:
  """Returns the orthogonal kernel, as large for any number of outputs."""
  matrix = momentum.reshape(-1, momentum.shape[-1])
  inputs, outputs = matrix.shape
  scale = math.sqrt(max(1.0, outputs / inputs))
  return scale * orthogonalize(matrix).reshape(momentum.shape)


def orthogonalize(matrix: jax.Array) -> jax.Array:
  """Returns about the nearest matrix of orthonormal columns, or rows.

  With X = U S V^T, it is U f(S) V^T with f(S) from 0.7 to 1.2, by
  Newton-Schulz. As every step multiplies X by a polynomial in X^T X, which all
  commute, the steps are done on that square matrix, and X is multiplied once,
  by their product.

  NOTE: A singular value below 0.002 of the Frobenius norm ends below 0.7, one
  of 0.001 at 0.45.

  Args:
    matrix: `[m, n]` float32.

  Returns:
    `[m, n]` float32; zeros for zeros.

  References:
    Amsel et al., "The Polar Express", arXiv:2505.16932, appendix F.

  Example:

    >>> orthogonalize(jnp.diag(jnp.array([2.0, 1.0]))).shape
    (2, 2)
  """
  if matrix.shape[0] < matrix.shape[1]:
    return orthogonalize(matrix.T).T
  # Squared singular values span more digits than a GPU's default keeps.
  with jax.default_matmul_precision('highest'):
    x = matrix / (jnp.linalg.norm(matrix) + 1e-8)
    a, b, c = _COEFFICIENTS
    gram = x.T @ x
    product = identity = jnp.eye(matrix.shape[1], dtype=x.dtype)
    for step in range(_STEPS):
      polynomial = a * identity + b * gram + c * (gram @ gram)
      product = product @ polynomial if step else polynomial
      if step < _STEPS - 1:
        gram = polynomial @ gram @ polynomial
    return x @ product
