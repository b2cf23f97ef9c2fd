"""The training step of the default autoencoder, with three libraries."""

from collections.abc import Callable
import dataclasses
import math
import time
from unittest import mock

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from autoencoder import config as config_lib
from autoencoder import layers
from autoencoder import models

try:
  import torch
  from torch.nn import functional
except ImportError:  # Its column is left out.
  torch = None

_RATE = 1e-3


def _images(batch: int, side: int):
  """Returns noisy and clean images, float32 `[N, side, side, 3]`."""
  noisy, clean = np.random.default_rng(0).random((2, batch, side, side, 3))
  return np.float32(noisy), np.float32(clean)


def _model(ours: bool) -> nnx.Module:
  """Returns the default model, with our layers or those of Flax."""
  config = config_lib.ModelConfig(in_channels=3, out_channels=3)
  if ours:
    return models.Autoencoder(**dataclasses.asdict(config), rngs=nnx.Rngs(0))
  with (
    mock.patch.object(layers, 'Conv', nnx.Conv),
    mock.patch.object(layers, 'ConvTranspose', nnx.ConvTranspose),
  ):
    return models.Autoencoder(**dataclasses.asdict(config), rngs=nnx.Rngs(0))


def _jax_step(model: nnx.Module, noisy, clean):
  """Returns a function that runs a step and returns the loss, and its costs.

  As in `launch.py`, each core is one device and processes a part of the batch.
  Costs are compilation time in seconds and temporary memory per device in MB.
  """
  graph, params = nnx.split(model)
  optimizer = optax.adamw(_RATE)
  devices = jax.devices()[: math.gcd(noisy.shape[0], jax.device_count())]
  mesh = jax.sharding.Mesh(np.array(devices), ('batch',))
  share, whole = jax.P('batch'), jax.P()

  def loss(params, noisy, clean):
    return jnp.abs(nnx.merge(graph, params)(noisy) - clean).mean()

  def step(params, state, noisy, clean):
    value, grads = jax.value_and_grad(loss)(params, noisy, clean)
    value, grads = jax.lax.pmean((value, grads), 'batch')
    updates, state = optimizer.update(grads, state, params)
    return optax.apply_updates(params, updates), state, value

  step = jax.shard_map(
    step,
    mesh=mesh,
    in_specs=(whole, whole, share, share),
    out_specs=whole,
    check_vma=False,
  )
  step = jax.jit(step, donate_argnums=(0, 1))
  params = jax.tree.map(jnp.copy, params)
  state = [params, optimizer.init(params)]
  state = jax.device_put(state, jax.NamedSharding(mesh, whole))
  images = jax.device_put((noisy, clean), jax.NamedSharding(mesh, share))
  lowered = step.lower(*state, *images)
  start = time.perf_counter()
  step = lowered.compile()
  costs = {
    'compile_s': time.perf_counter() - start,
    'temporary_mb': step.memory_analysis().temp_size_in_bytes / 1e6,
  }

  def run():
    *state[:], value = step(*state, *images)
    return float(value)

  return run, costs


class TorchModel(torch.nn.Module if torch else object):
  """The same network in PyTorch, with the parameters of `model`."""

  def __init__(self, model: nnx.Module):
    super().__init__()
    self.layers = torch.nn.ModuleDict()
    self.residual, self.stride = model.residual, model.stride
    self.scales = model.encoder.scales
    self.blocks = model.encoder.blocks
    for half in ('encoder', 'decoder'):
      for path, layer in nnx.iter_modules(getattr(model, half)):
        if isinstance(layer, nnx.Conv | nnx.ConvTranspose):
          name = '_'.join((half, *map(str, path)))
          self.layers[name] = _torch_layer(layer)

  def _residual(self, x, name):
    y = functional.relu(self.layers[f'{name}_conv1'](x))
    return x + self.layers[f'{name}_conv2'](y)

  def forward(self, image):
    x, skips = (self._pad(image) - 0.5) / 0.25, []
    for scale in range(self.scales):
      x = self.layers[f'encoder_down{scale}'](x)
      for block in range(self.blocks):
        x = self._residual(x, f'encoder_block{scale}_{block}')
      skips.append(x)
    x = self.layers['encoder_to_latent'](x)
    x = self.layers['decoder_from_latent'](x)
    for scale in reversed(range(self.scales)):
      x = x + skips[scale]
      for block in range(self.blocks):
        x = self._residual(x, f'decoder_block{scale}_{block}')
      x = self.layers[f'decoder_up{scale}'](x)
    x = x[..., : image.shape[-2], : image.shape[-1]]
    return image + 0.25 * x if self.residual else x

  def _pad(self, x):
    """Pads by reflection at the end to a multiple of the stride."""
    for axis in (-2, -1):
      if missing := -x.shape[axis] % self.stride:
        last = x.narrow(axis, x.shape[axis] - missing, missing)
        x = torch.cat([x, last.flip(axis)], axis)
    return x.contiguous(memory_format=torch.channels_last)


def _torch_layer(layer: nnx.Module) -> 'torch.nn.Module':
  """Returns PyTorch's layer with the same kernel and bias."""
  size = layer.kernel_size
  stride = (1, 1) if layer.strides == 1 else layer.strides
  channels = layer.in_features, layer.out_features
  kernel = np.asarray(layer.kernel[...])
  if isinstance(layer, nnx.ConvTranspose):
    if size != stride:  # Otherwise the frameworks pad differently.
      raise ValueError(f'Kernel {size} must equal the stride {stride}.')
    net = torch.nn.ConvTranspose2d(*channels, size, stride)
    kernel = kernel[::-1, ::-1].transpose(2, 3, 0, 1)  # Ours is flipped.
  else:
    padding = [(k - s + 1) // 2 for k, s in zip(size, stride)]
    net = torch.nn.Conv2d(*channels, size, stride, padding)
    kernel = kernel.transpose(3, 2, 0, 1)
  with torch.no_grad():
    net.weight.copy_(torch.from_numpy(kernel.copy()))
    net.bias.copy_(torch.from_numpy(np.array(layer.bias[...])))
  return net


def _torch_step(model: nnx.Module, noisy, clean) -> Callable[[], float]:
  """Returns a function that runs a channels-last step and returns the loss."""
  layout = torch.channels_last
  net = TorchModel(model).to(memory_format=layout)
  noisy, clean = (
    torch.from_numpy(x.transpose(0, 3, 1, 2)).to(memory_format=layout)
    for x in (noisy, clean)
  )
  optimizer = torch.optim.AdamW(
    net.parameters(), _RATE, weight_decay=1e-4, fused=True
  )

  def run():
    optimizer.zero_grad(set_to_none=True)
    loss = (net(noisy) - clean).abs().mean()
    loss.backward()
    optimizer.step()
    return loss.item()

  return run


def gflop(batch: int, side: int) -> float:
  """Returns the FLOPs of the layers in a step, in units of 1e9.

  Input gradients and weight gradients take as many as the forward pass each.
  """
  graph, params = nnx.split(_model(ours=False))
  forward = jax.jit(lambda params, x: nnx.merge(graph, params)(x))
  work = forward.lower(params, _images(batch, side)[0]).cost_analysis()
  return 3 * work['flops'] / 1e9


def runs(
  batch: int = 16, side: int = 64
) -> tuple[dict[str, Callable[[], float]], dict[str, dict[str, float]]]:
  """Returns a step per library, all with the same initial parameters.

  PyTorch is left out if it is not installed.

  Returns:
    Functions that run a step and return the loss, and for those of JAX a dict
    of `compile_s` and `temporary_mb`, both by name.

  Raises:
    ValueError: if their losses differ after some steps.
  """
  noisy, clean = _images(batch, side)
  ours, flax = _model(True), _model(False)
  nnx.update(flax, nnx.state(ours))
  steps, costs = {}, {}
  for name, model in (('ours', ours), ('flax', flax)):
    steps[name], costs[name] = _jax_step(model, noisy, clean)
  if torch:
    steps['torch'] = _torch_step(ours, noisy, clean)
  losses = {name: [step() for _ in range(3)] for name, step in steps.items()}
  for name, values in losses.items():
    if not np.allclose(values, losses['ours'], rtol=1e-3):
      raise ValueError(f'{name} trains differently: losses {losses}.')
  return steps, costs
