"""The deconvolutional network as a task: filters learned from photos alone."""

import dataclasses
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.image import metrics as metrics_lib
from autoencoder.sparse import network
from autoencoder.tasks import task


def make_example(
  key: jax.Array, item: dict[str, jax.Array], config: Any
) -> task.Example:
  """Returns the image as its own target: there is nothing to restore."""
  del key, config
  return task.Example(item['image'], item['image'])


def build_model(config: Any, rngs: nnx.Rngs) -> nnx.Module:
  """Returns the network that `config.sparse` describes, its filters noise.

  Raises:
    ValueError: an option of `config.model`, which would change nothing.
  """
  model = dataclasses.replace(config.model, in_channels=0, out_channels=0)
  if model != config_lib.ModelConfig():
    raise errors.UserError(
      'config.model belongs to autoencoders and would change nothing here: '
      'a deconvolutional network is made of config.sparse.'
    )
  return network.DeconvolutionalNetwork(
    config.data.channels, config.sparse, rngs=rngs
  )


def forward(
  model: network.DeconvolutionalNetwork, example: task.Example, config: Any
) -> tuple[network.Decomposition, jax.Array]:
  """Returns the maps of all layers, and the objectives `[N, depth]`."""
  found = model.decompose(example.inputs, iterations=config.sparse.iterations)
  return found, model.objectives(found)


def loss(
  outputs: tuple[network.Decomposition, jax.Array],
  example: task.Example,
  config: Any,
) -> jax.Array:
  """Returns the sum of the layers' objectives a pixel, `[N]`.

  Each layer's filters have a gradient from its own objective alone, so that
  all learn at once what the paper learns one after the other: those above see
  the maps of filters that settle within a few steps.
  """
  del example, config
  return outputs[1].sum(-1)


def metrics(
  outputs: tuple[network.Decomposition, jax.Array],
  example: task.Example,
  config: Any,
) -> dict[str, jax.Array]:
  """Returns what each layer keeps of the image, and in how many numbers.

  `psnr` in dB of the first layer's picture, `psnr_2` of the second's and so on;
  `nonzeros` and `nonzeros_2`, coefficients a pixel of the image.
  """
  del config
  found, _ = outputs
  pixels = example.target.shape[1] * example.target.shape[2]
  psnr, nonzeros = {}, {}
  for layer, (maps, picture) in enumerate(zip(found.maps, found.pictures)):
    suffix = f'_{layer + 1}' * (layer > 0)
    psnr[f'psnr{suffix}'] = metrics_lib.psnr(picture, example.target)
    count = (maps != 0).sum((1, 2, 3)).astype(jnp.float32)
    nonzeros[f'nonzeros{suffix}'] = count / pixels
  return psnr | nonzeros


def picture(
  outputs: tuple[network.Decomposition, jax.Array],
  example: task.Example,
  config: Any,
) -> dict[str, jax.Array]:
  """Returns the panels: each layer's picture, the first's as the output."""
  del config
  first, *others = outputs[0].pictures
  named = {f'layer {layer + 2}': each for layer, each in enumerate(others)}
  return named | {'output': first, 'target': example.target}
