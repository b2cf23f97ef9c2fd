"""The pure training step: read, corrupt, compute the gradient, update."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from autoencoder import config as config_lib
from autoencoder import models
from autoencoder.tasks import task as task_lib
from autoencoder.training import state as state_lib

Batch = dict[str, jax.Array]
Items = dict[str, jax.Array]

# The key of a step is folded with this number for the model's random state.
_MODEL = 1


def make_examples(
  task: task_lib.Task, config: Any, items: Items, key: jax.Array
) -> task_lib.Example:
  """Returns the task's examples for `items`, with one random key per example.

  The key of an example is folded from its global index. The corruption is thus
  the same on any number of devices, with `jit` and with `pmap`.

  Args:
    task: the experiment.
    config: its configuration.
    items: `image` float32 `[N, H, W, C]`, `index` int32 `[N]`, and `label` if
      the data has labels.
    key: a key for the batch.
  """
  keys = jax.vmap(jax.random.fold_in, (None, 0))(key, items['index'])
  return jax.vmap(lambda k, item: task.make_example(k, item, config))(
    keys, items
  )


def make_train_step(
  structure: models.Structure,
  optimizer: optax.GradientTransformation,
  task: task_lib.Task,
  config: config_lib.Config,
  read: Callable[[Batch, jax.Array, Any], Items],
  *,
  axis_name: str | None = None,
) -> Callable[..., tuple[state_lib.TrainState, dict[str, jax.Array]]]:
  """Returns the pure function `train_step(state, batch, key, pool)`.

  NOTE: It is not compiled; `autoencoder.training.parallel` does that.

  Args:
    structure: the model without its arrays, from `create_state`.
    optimizer: the one that made `state.opt_state`.
    task: the experiment.
    config: its configuration.
    read: `(batch, key, pool) -> items`, crops and augments on the device.
    axis_name: the name of the mapped device axis with `pmap`. None with `jit`,
      where the mean over the batch is the global mean already.

  Returns:
    `train_step`, which returns the new state and the metrics, float32 scalars:
    `loss`, those that the task logs, and `grad_norm` before clipping.
  """

  def train_step(state, batch, key, pool):
    key = jax.random.fold_in(key, state.step)
    read_key, example_key = jax.random.split(key)
    items = read(batch, read_key, pool) | {'index': batch['index']}
    example = make_examples(task, config, items, example_key)
    # For dropout and the like. With `pmap`, each device has its own key.
    model_key = jax.random.fold_in(key, _MODEL)
    if axis_name is not None:
      model_key = jax.random.fold_in(model_key, jax.lax.axis_index(axis_name))

    def compute_loss(params):
      model = structure.merge(params, state.extra, model_key)
      outputs = task.forward(model, example, config)
      loss = task.loss(outputs, example, config).mean()
      # Only the logged metrics: the others would cost time at every step.
      metrics = task.metrics(outputs, example, config)
      names = task.logged or [*metrics][:1]
      logged = {name: metrics[name].mean() for name in names}
      _, _, extra = models.split(model)
      return loss, ({'loss': loss} | logged, extra)

    grads, (metrics, extra) = jax.grad(compute_loss, has_aux=True)(state.params)
    # All three in one place, because forgetting one fails silently.
    if axis_name is not None:
      grads, metrics = jax.lax.pmean((grads, metrics), axis_name)
      extra = jax.tree.map(lambda leaf: _mean(leaf, axis_name), extra)
    metrics['grad_norm'] = optax.tree.norm(grads)
    updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    new_state = state_lib.TrainState(
      step=state.step + 1,
      params=params,
      ema=_average(state, params, config.train.ema_decay),
      extra=extra,
      opt_state=opt_state,
    )
    return new_state, metrics

  return train_step


def _average(state: state_lib.TrainState, params: Any, decay: float) -> Any:
  """Returns the moving average of the parameters; None if it is off.

  At first the decay is lower, so that the average forgets the initial
  parameters: (1 + t) / (10 + t) as in TensorFlow's moving average.
  """
  if state.ema is None:
    return None
  step_decay = jnp.minimum(decay, (1.0 + state.step) / (10.0 + state.step))
  return optax.incremental_update(params, state.ema, 1.0 - step_decay)


def _mean(leaf: jax.Array, axis_name: str) -> jax.Array:
  """Returns the mean over devices of a variable that is no parameter.

  Integers, such as counts, are equal on all devices and stay integers.
  """
  if jnp.issubdtype(leaf.dtype, jnp.inexact):
    return jax.lax.pmean(leaf, axis_name)
  return leaf
