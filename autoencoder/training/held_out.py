"""Measures a model on held-out images during training."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from autoencoder import config as config_lib
from autoencoder import data
from autoencoder import models
from autoencoder.tasks import task as task_lib
from autoencoder.training import state as state_lib
from autoencoder.training import step as step_lib

# Largest number of crops: enough for a smooth curve, few enough to cost little.
CROPS = 16


def make_measure(
  structure: models.Structure,
  task: task_lib.Task,
  config: config_lib.Config,
  source: Any,
) -> Callable[[state_lib.TrainState], dict[str, jax.Array]]:
  """Returns a function that measures the averaged parameters of a state.

  The crops and their corruption are made once, so that the curve shows changes
  of the model and not of the noise.

  Args:
    structure: the model without its arrays.
    task: the experiment.
    config: every option.
    source: the held-out images.

  Returns:
    `measure(state) -> {'test_' + name: float32 scalar}`.
  """
  count = min(CROPS, 4 * len(source))
  crops = data.center_crops(source, config.data.crop * 2, count)
  config = config.for_evaluation()
  count = len(crops['image'])
  items = crops | {
    'image': jnp.asarray(crops['image'], jnp.float32) / 255.0,
    'index': jnp.arange(count),
  }
  example = jax.jit(
    lambda items: step_lib.make_examples(task, config, items, jax.random.key(0))
  )(items)

  @jax.jit
  def measure(params, extra, example):
    model = structure.merge(params, extra)
    model.eval()  # Use running statistics and no dropout.
    outputs = task.forward(model, example, config)
    if task.counts is not None:
      counts = task.counts(outputs, example, config)
      return {name: value.sum(axis=0) for name, value in counts.items()}
    metrics = task.metrics(outputs, example, config)
    return {name: value.mean() for name, value in metrics.items()}

  def measure_state(state):
    values = measure(state.averaged, state.extra, example)
    if task.counts is not None:
      values, _ = task.summarise_counts(jax.device_get(values), config)
    return {f'test_{name}': value for name, value in values.items()}

  return measure_state
