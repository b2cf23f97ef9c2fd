"""Denoising by sparse maps, and its baselines.

The maps of the first layer alone are inferred; nothing was trained to denoise.
"""

from collections.abc import Callable
import functools
from typing import Any
from typing import Protocol

import jax
import numpy as np

from autoencoder import models
from autoencoder.evaluation import baselines
from autoencoder.image import corruptions
from autoencoder.inference import predictor
from autoencoder.runs import checkpoint
from autoencoder.tasks import restoration
from autoencoder.tasks import task as task_lib


class SparseDenoiser(models.Decomposable, Protocol):
  """A model of sparse maps that denoises by inferring them."""

  def decompose(self, x: jax.Array, *, scale: jax.Array | float = 1.0) -> Any:
    """See `models.Decomposable`; `scale` is a factor of every lambda."""

  def denoise(
    self, x: jax.Array, sigma: jax.Array | float, *, threshold: float
  ) -> jax.Array:
    """Returns denoised images; see `sparse.DeconvolutionalNetwork.denoise`."""


def compile_denoiser(
  model: SparseDenoiser, config: Any
) -> Callable[[Any], jax.Array]:
  """Returns `denoise(noisy [N, H, W, C])` for noise of `config.sigma`."""
  return predictor.compile_with_model(
    model,
    lambda model, noisy: model.denoise(
      noisy, config.sigma / 255, threshold=config.threshold
    ),
  )


def make_task() -> task_lib.Task:
  """Returns the task of denoising at `config.sigma`, with its baselines.

  They are classical methods and the package's autoencoder.
  """

  def make_example(
    key: jax.Array, item: dict[str, jax.Array], config: Any
  ) -> task_lib.Example:
    noisy = corruptions.gaussian_noise(key, item['image'], config.sigma / 255)
    return task_lib.Example(noisy, item['image'])

  def classical(method: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda example, config: method(example.inputs, config.sigma / 255)

  return restoration.make_task(
    make_example,
    baselines={
      'non-local means': classical(baselines.non_local_means),
      'total variation': classical(baselines.total_variation),
      'autoencoder': _autoencoder,
    },
  )


def _autoencoder(example: task_lib.Example, config: Any) -> np.ndarray:
  """Denoises a grey photo with the package's denoiser, which works on RGB.

  Its training noise differs between channels, so it would take noise that is
  equal in all three channels for texture. Therefore each channel gets further
  noise, with sqrt(3) times the deviation and a mean over channels of 0. Then
  the channels' noise is independent, and their mean is still the grey photo.

  NOTE: The denoiser is not told sigma. It was trained for sigma = 5 to 55, that
  is up to 31 here.
  """
  shape = (*example.inputs.shape[:2], 3)
  noise = np.random.default_rng(0).standard_normal(shape, np.float32)
  noise -= noise.mean(-1, keepdims=True)
  inputs = example.inputs + 3**0.5 * config.sigma / 255 * noise
  return np.asarray(_pretrained()(inputs[None]))[0].mean(-1, keepdims=True)


@functools.cache
def _pretrained() -> Callable[..., Any]:
  return predictor.make_predictor(checkpoint.load('pretrained:denoising_white'))
