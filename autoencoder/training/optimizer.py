"""Muon for kernels, Adam for the rest, with warm-up and cosine decay."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from autoencoder import config as config_lib
from autoencoder.training import muon as muon_lib


def schedule(config: config_lib.TrainConfig, peak: float) -> optax.Schedule:
  """Returns a learning rate as a function of the number of updates so far.

  It rises linearly over `warmup_steps` to `peak`, then falls along a half
  cosine to `peak * final_rate` at `steps` (Loshchilov and Hutter, SGDR,
  arXiv:1608.03983). A warm-up that is longer than the run is shortened to a
  tenth of the run. An update that averages `late_batches` batches counts as
  that many steps.

  Example:

    >>> rate = schedule(config_lib.TrainConfig(steps=10), 1e-3)
    >>> float(rate(10))
    0.0
  """
  warmup = config.warmup_steps
  if warmup >= config.steps:
    warmup = config.steps // 10
  rate = optax.warmup_cosine_decay_schedule(
    init_value=peak / (warmup + 1),
    peak_value=peak,
    warmup_steps=warmup,
    decay_steps=config.steps,
    end_value=peak * config.final_rate,
  )
  if config.late_batches == 1:
    return rate
  late = _late(config)
  return lambda updates: rate(
    updates + (config.late_batches - 1) * jnp.maximum(updates - late, 0)
  )


def _late(config: config_lib.TrainConfig) -> int:
  """Returns the step from which on updates average `late_batches` batches."""
  return config.steps - config.steps // 4


def make_optimizer(
  config: config_lib.TrainConfig,
) -> optax.GradientTransformation:
  """Returns the gradient transformation that `config` describes.

  Muon (Jordan et al., 2024) replaces the momentum of each kernel, seen as a
  matrix from all its inputs to its outputs, by the nearest orthogonal matrix.
  `benchmarks/denoising_ablations.py` measures its effect.

  NOTE: With `late_batches` above 1, a run that is continued with more steps
  stops slightly before the end of its cosine, because updates are counted and
  not batches.
  """
  rate = schedule(config, config.learning_rate)
  if config.muon_learning_rate:
    muon = muon_lib.muon(
      schedule(config, config.muon_learning_rate),
      weight_decay=config.weight_decay,
    )
    rules = {True: muon, False: optax.nadam(rate)}
    update = optax.partition(rules, _kernels)
  else:
    update = optax.adamw(rate, weight_decay=config.weight_decay, mask=_kernels)
  update = optax.chain(optax.clip_by_global_norm(config.clip_norm), update)
  if config.late_batches == 1:
    return update
  late = _late(config)
  return optax.MultiSteps(
    update,
    lambda updates: jnp.where(updates < late, 1, config.late_batches),
  ).gradient_transformation()


def _is_kernel(path: Any, leaf: jax.Array) -> bool:
  """Returns whether a parameter is the weight matrix of a layer.

  Biases are vectors. Arrays of other names (gains, tables, parameters of a
  normalisation or a density) do not map inputs to outputs.
  """
  return leaf.ndim > 1 and jax.tree_util.keystr(path[-1:], simple=True) == (
    'kernel'
  )


def _kernels(params: Any) -> Any:
  """Marks the kernels, which alone get weight decay."""
  return jax.tree_util.tree_map_with_path(_is_kernel, params)
