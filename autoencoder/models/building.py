"""Drawing a model's parameters, and taking a model apart into its arrays."""

from collections.abc import Callable
import dataclasses
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp


def draw(
  make: Callable[[nnx.Rngs], nnx.Module], *, rngs: nnx.Rngs
) -> nnx.Module:
  """Returns `make(rngs)`; one compiled program draws all of its variables.

  NOTE: The program is compiled without optimisations. Drawing the parameters
  one by one would compile a program for each shape, which takes several times
  longer.

  Args:
    make: returns the model. Parameters come from the stream `params`; all other
      streams (`dropout` ...) have a key of their own.
    rngs: parameter key.

  Example:

    >>> model = draw(lambda rngs: nnx.Linear(2, 3, rngs=rngs), rngs=nnx.Rngs(0))
    >>> model.kernel.shape
    (2, 3)
  """

  def make_with(key):
    other = jax.random.fold_in(key, _OTHER_STREAMS)
    return make(nnx.Rngs(params=key, default=other))

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


# Far from the number of any parameter, so that no two keys are equal.
_OTHER_STREAMS = 2**31


@dataclasses.dataclass(frozen=True)
class Structure:
  """A model without its arrays; see `split`.

  Attributes:
    graphdef: the static part of the model.
    random: shapes and types of its random state (`nnx.RngState`), such as that
      of `nnx.Dropout`.
  """

  graphdef: nnx.GraphDef
  random: Any

  def merge(
    self, params: Any, extra: Any, key: jax.Array | None = None
  ) -> nnx.Module:
    """Returns the model with these arrays and fresh random state.

    Args:
      params: as `split` returned them.
      extra: as `split` returned it.
      key: source of the random state; by default `jax.random.key(0)`.
    """
    leaves, structure = jax.tree.flatten(self.random)
    if not leaves:
      return nnx.merge(self.graphdef, params, extra)
    key = jax.random.key(0) if key is None else key
    random = [
      _fresh(leaf, jax.random.fold_in(key, number))
      for number, leaf in enumerate(leaves)
    ]
    return nnx.merge(
      self.graphdef, params, extra, jax.tree.unflatten(structure, random)
    )


def split(model: nnx.Module) -> tuple[Structure, Any, Any]:
  """Takes a model apart into its structure and its arrays.

  Random state is not among the arrays: `Structure.merge` makes it anew. So no
  checkpoint holds keys, and the same key gives the same random numbers.

  Args:
    model: any NNX module; its arrays may be `jax.ShapeDtypeStruct`s.

  Returns:
    The structure; `params`, the `nnx.Param` variables; and `extra`, all other
    variables, such as batch statistics. Both are pure states (without
    `nnx.Variable`): flattening these takes less time at each call.
  """
  graphdef, params, *rest = nnx.split(model, nnx.Param, nnx.RngState, ...)
  random, extra = rest
  random = jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype),
    nnx.as_pure(random),
  )
  return Structure(graphdef, random), nnx.as_pure(params), nnx.as_pure(extra)


def _fresh(leaf: jax.ShapeDtypeStruct, key: jax.Array) -> jax.Array:
  """Returns a key, or keys, for a key; and zero for the count of its uses."""
  if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
    return jax.random.split(key, leaf.shape) if leaf.shape else key
  return jnp.zeros(leaf.shape, leaf.dtype)


def count_parameters(model: nnx.Module) -> int:
  """Returns the number of values in the `nnx.Param` variables of `model`."""
  return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
