"""AdamW with warm-up, cosine decay to zero and clipping."""

from typing import Any

import jax
import optax

from autoencoder import config as config_lib


def learning_rate_schedule(config: config_lib.TrainConfig) -> optax.Schedule:
  """Returns the learning rate as a function of the step.

  Linear over `warmup_steps`, then a half cosine to 0 at `steps`
  (Loshchilov and Hutter, SGDR, arXiv:1608.03983). A warm-up longer than the
  run is cut to the run's first tenth.

  Example:

    >>> schedule = learning_rate_schedule(config_lib.TrainConfig(steps=10))
    >>> float(schedule(10))
    0.0
  """
  warmup = config.warmup_steps
  if warmup >= config.steps:
    warmup = config.steps // 10
  return optax.warmup_cosine_decay_schedule(
    init_value=config.learning_rate / (warmup + 1),
    peak_value=config.learning_rate,
    warmup_steps=warmup,
    decay_steps=config.steps,
  )


def make_optimizer(
  config: config_lib.TrainConfig,
) -> optax.GradientTransformation:
  """Returns the gradient transformation that `config` describes."""
  return optax.chain(
    optax.clip_by_global_norm(config.clip_norm),
    optax.adamw(
      learning_rate_schedule(config),
      weight_decay=config.weight_decay,
      mask=_is_kernel,
    ),
  )


def _is_kernel(params: Any) -> Any:
  """Marks what decays: kernels. A bias has no scale to keep small."""
  return jax.tree.map(lambda leaf: leaf.ndim > 1, params)
