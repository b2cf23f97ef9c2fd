"""Drawing the parameters of a model."""

from collections.abc import Callable

from flax import nnx
import jax


def draw(
  make: Callable[[nnx.Rngs], nnx.Module], *, rngs: nnx.Rngs
) -> nnx.Module:
  """Returns `make(rngs)`, its parameters drawn by one compiled program.

  NOTE: Without the compiler's optimisations. Drawing them one by one compiles
  each shape for itself, which takes several times longer.

  Args:
    make: returns the model.
    rngs: parameter key.

  Example:

    >>> model = draw(lambda rngs: nnx.Linear(2, 3, rngs=rngs), rngs=nnx.Rngs(0))
    >>> model.kernel.shape
    (2, 3)
  """

  def make_with(key):
    return make(nnx.Rngs(params=key))

  compiled = jax.jit(
    lambda key: nnx.as_pure(nnx.state(make_with(key))),
    compiler_options={
      'xla_backend_optimization_level': 0,
      'xla_llvm_disable_expensive_passes': True,
    },
  )
  key = rngs.params()
  graphdef = nnx.graphdef(nnx.eval_shape(make_with, key))
  return nnx.merge(graphdef, compiled(key))
