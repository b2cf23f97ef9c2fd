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
  """Returns the image as its own target: nothing is restored."""
  del key, config
  return task.Example(item['image'], item['image'])


def build_model(config: Any, rngs: nnx.Rngs) -> nnx.Module:
  """Returns the untrained network that `config.sparse` describes.

  Raises:
    UserError: an option of `config.model` is set; it would have no effect.
  """
  model = dataclasses.replace(config.model, in_channels=0, out_channels=0)
  if model != config_lib.ModelConfig():
    raise errors.UserError(
      'Options of config.model have no effect on a deconvolutional network, '
      'which is made of config.sparse. Leave them at their defaults.'
    )
  return network.DeconvolutionalNetwork(
    config.data.channels, config.sparse, rngs=rngs
  )


def forward(
  model: network.DeconvolutionalNetwork, example: task.Example, config: Any
) -> tuple[network.Decomposition, jax.Array]:
  """Returns the decomposition of the inputs and the objectives `[N, depth]`."""
  found = model.decompose(
    jnp.asarray(example.inputs), iterations=config.sparse.iterations
  )
  return found, model.objectives(found)


def loss(
  outputs: tuple[network.Decomposition, jax.Array],
  example: task.Example,
  config: Any,
) -> jax.Array:
  """Returns the sum of the layers' objectives per pixel, `[N]`.

  The filters of each layer get a gradient from their own layer's objective
  only, so all layers learn at once. The paper trains them one after the other;
  here the lower layers settle within a few steps.
  """
  del example, config
  return outputs[1].sum(-1)


def metrics(
  outputs: tuple[network.Decomposition, jax.Array],
  example: task.Example,
  config: Any,
) -> dict[str, jax.Array]:
  """Returns the quality of each layer's reconstruction, and its sparsity.

  `psnr`, in dB, is of the first layer, `psnr_2` of the second and so on;
  `nonzeros` and `nonzeros_2` are coefficients per pixel of the image.
  """
  del config
  found, _ = outputs
  pixels = example.target.shape[1] * example.target.shape[2]
  target = jnp.asarray(example.target)
  psnr, nonzeros = {}, {}
  for layer, (maps, picture) in enumerate(zip(found.maps, found.pictures)):
    suffix = f'_{layer + 1}' * (layer > 0)
    psnr[f'psnr{suffix}'] = metrics_lib.psnr(picture, target)
    count = (maps != 0).sum((1, 2, 3)).astype(jnp.float32)
    nonzeros[f'nonzeros{suffix}'] = count / pixels
  return psnr | nonzeros


def picture(
  outputs: tuple[network.Decomposition, jax.Array],
  example: task.Example,
  config: Any,
) -> dict[str, jax.Array]:
  """Returns panels: each layer's reconstruction, the first as the output."""
  del config
  first, *others = outputs[0].pictures
  named = {f'layer {layer + 2}': each for layer, each in enumerate(others)}
  return named | {'output': first, 'target': jnp.asarray(example.target)}
