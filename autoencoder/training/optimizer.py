"""Muon for kernels, Adam for the rest, with warm-up and cosine decay."""

from typing import Any

import jax
import optax

from autoencoder import config as config_lib
from autoencoder.training import muon as muon_lib


def schedule(config: config_lib.TrainConfig, peak: float) -> optax.Schedule:
  """Returns a learning rate as a function of the step.

  Linear over `warmup_steps` to `peak`, then a half cosine to 0 at `steps`
  (Loshchilov and Hutter, SGDR, arXiv:1608.03983). A warm-up longer than the
  run is cut to the run's first tenth.

  Example:

    >>> rate = schedule(config_lib.TrainConfig(steps=10), 1e-3)
    >>> float(rate(10))
    0.0
  """
  warmup = config.warmup_steps
  if warmup >= config.steps:
    warmup = config.steps // 10
  return optax.warmup_cosine_decay_schedule(
    init_value=peak / (warmup + 1),
    peak_value=peak,
    warmup_steps=warmup,
    decay_steps=config.steps,
  )


def make_optimizer(
  config: config_lib.TrainConfig,
) -> optax.GradientTransformation:
  """Returns the gradient transformation that `config` describes.

  Muon (Jordan et al., 2024) replaces the momentum of each kernel, as a matrix
  from all its inputs to its outputs, by the nearest orthogonal matrix. What
  that is worth: `benchmarks/denoising_ablations.py`.
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
  return optax.chain(optax.clip_by_global_norm(config.clip_norm), update)


def _is_kernel(path: Any, leaf: jax.Array) -> bool:
  """Whether a parameter is the matrix of a layer.

  Biases are vectors, and arrays of any other name (gains, tables, what a
  normalisation or a density is made of) do not map inputs to outputs.
  """
  return leaf.ndim > 1 and jax.tree_util.keystr(path[-1:], simple=True) == (
    'kernel'
  )


def _kernels(params: Any) -> Any:
  """Marks what decays: kernels. A bias has no scale to keep small."""
  return jax.tree_util.tree_map_with_path(_is_kernel, params)
