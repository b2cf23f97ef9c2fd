"""Everything that a resumed run needs, as one pytree of arrays."""

import dataclasses
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp
import optax

from autoencoder import models


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
  """The state of a run after `step` updates.

  `step` is the position in the data as well: the batch of a step depends on the
  seed and the step only (see `autoencoder.data.Batches`).

  Attributes:
    step: int32 scalar, the number of updates applied.
    params: the `nnx.Param` leaves of the model, as plain arrays.
    ema: moving average of `params`; None if the average is off.
    extra: every other variable of the model, as plain arrays.
    opt_state: the optax state for `params`.
  """

  step: jax.Array
  params: Any
  ema: Any
  extra: Any
  opt_state: optax.OptState

  def to_items(self) -> dict[str, Any]:
    """Returns the state as `autoencoder.runs.checkpoint` items.

    Empty parts are left out: Orbax refuses to save them.
    """
    model = {'params': self.params, 'ema': self.ema, 'extra': self.extra}
    return {
      'model': {k: tree for k, tree in model.items() if jax.tree.leaves(tree)},
      'training': {'step': self.step, 'opt_state': self.opt_state},
    }

  def with_items(self, items: dict[str, Any]) -> 'TrainState':
    """Returns a state of this structure with the values of `items`."""
    return dataclasses.replace(self, **items['model'], **items['training'])

  @property
  def averaged(self) -> Any:
    """The parameters to use for everything but training."""
    return self.params if self.ema is None else self.ema


def create_state(
  model: nnx.Module,
  optimizer: optax.GradientTransformation,
  *,
  ema: bool = True,
) -> tuple[models.Structure, TrainState]:
  """Splits `model` into its static structure and the initial state.

  The state holds plain arrays and no `nnx.Variable`s, because flattening those
  at each call takes a noticeable part of the step of a small model.

  Args:
    model: any NNX module. Its random state, such as that of `nnx.Dropout`, is
      not part of the training state: each step makes it anew.
    optimizer: the one that will update the parameters.
    ema: whether to keep a moving average of the parameters.

  Returns:
    The structure of the model, and the state of step 0.
  """
  structure, params, extra = models.split(model)
  return structure, TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    # A copy, because donating the state must not donate a buffer twice.
    ema=jax.tree.map(jnp.copy, params) if ema else None,
    extra=extra,
    opt_state=optimizer.init(params),
  )
