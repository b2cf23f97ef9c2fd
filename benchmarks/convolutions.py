"""The layers that are timed: ours, those of Flax and those of PyTorch.

As in `launch.py`, each core is one JAX device and processes a part of the
batch, since XLA runs many convolutions in one thread.

A timed program has a layer `REPEATS` times, each with its own images, like a
network: XLA would run a short program on one device after the other.
"""

import math
import time
from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from autoencoder import layers

try:
  import torch
except ImportError:  # Its column is left out.
  torch = None

REPEATS = 4


class Case(NamedTuple):
  """One layer: `kind` is 'transposed' or 'strided'."""

  kind: str
  batch: int
  size: int
  channels: int
  features: int
  kernel: int
  stride: int
  rank: int = 2

  def name(self) -> str:
    image = 'x'.join([str(self.size)] * self.rank)
    return (
      f'{self.kind} {self.batch}x{image} {self.channels}->{self.features}'
      f' k{self.kernel} s{self.stride}'
    )


CASES = (
  Case('transposed', 4, 64, 64, 1, 1024, 256, rank=1),
  Case('transposed', 8, 256, 128, 64, 16, 8, rank=1),
  Case('transposed', 64, 4, 512, 256, 4, 2),
  Case('transposed', 64, 8, 128, 64, 4, 2),
  Case('transposed', 64, 16, 64, 32, 4, 2),
  Case('transposed', 64, 32, 32, 16, 4, 2),
  Case('transposed', 16, 64, 32, 16, 4, 2),
  Case('transposed', 16, 32, 32, 3, 4, 2),
  Case('transposed', 16, 32, 32, 3, 2, 2),
  Case('transposed', 16, 32, 64, 32, 2, 2),
  Case('transposed', 16, 32, 64, 32, 3, 2),
  Case('transposed', 16, 16, 64, 32, 3, 3),
  Case('transposed', 16, 32, 64, 32, 5, 2),
  Case('transposed', 16, 16, 32, 16, 9, 4),
  Case('transposed', 1, 128, 32, 3, 4, 2),
  Case('transposed', 1, 4, 512, 256, 4, 2),
  Case('transposed', 1, 16, 64, 32, 4, 2),
  Case('transposed', 16, 16, 64, 48, 2, 2),
  Case('transposed', 4, 8, 32, 16, 3, 2, rank=3),
  Case('strided', 16, 64, 3, 32, 2, 2),
  Case('strided', 16, 64, 3, 32, 4, 2),
  Case('strided', 16, 64, 32, 64, 3, 2),
  Case('strided', 16, 64, 32, 64, 4, 2),
  Case('strided', 16, 32, 64, 128, 2, 2),
  Case('strided', 16, 64, 3, 32, 3, 1),
  Case('strided', 16, 64, 32, 3, 3, 1),
  Case('strided', 16, 32, 32, 32, 3, 1),
  Case('strided', 16, 16, 64, 64, 3, 1),
  Case('strided', 16, 64, 32, 32, 3, 1),
  Case('strided', 1, 256, 32, 32, 3, 1),
  Case('strided', 4, 16, 16, 32, 3, 2, rank=3),
)


def _numbers(rank):
  spatial = 'DHW'[-rank:]
  return f'N{spatial}C', f'{spatial}IO', f'N{spatial}C'


def _contenders(case: Case):
  """Returns our function and that of Flax, of image and kernel."""
  strides = (case.stride,) * case.rank
  numbers = _numbers(case.rank)
  if case.kind == 'transposed':
    return {
      'ours': lambda x, w: layers.conv_transpose(x, w, strides),
      'flax': lambda x, w: lax.conv_transpose(x, w, strides, 'SAME'),
    }
  return {
    name: lambda x, w, f=f: f(x, w, strides, 'SAME', dimension_numbers=numbers)
    for name, f in (
      ('ours', layers.conv_general_dilated),
      ('flax', lax.conv_general_dilated),
    )
  }


def compiled(case: Case, dtype: str, name: str, repeats: int = 1):
  """Returns a compiled contender, its operands and its costs.

  Args:
    case: the layer.
    dtype: of operands and results.
    name: 'ours' or 'flax'.
    repeats: number of copies of the layer in the program.

  Returns:
    `(run, operands)` of the forward pass, the same of forward pass with both
    gradients, and a dict of costs.
  """
  layer = _contenders(case)[name]
  devices = jax.devices()[: math.gcd(case.batch, jax.device_count())]
  image = (case.batch, *[case.size] * case.rank, case.channels)
  kernel = (*[case.kernel] * case.rank, case.channels, case.features)
  w = (jax.random.normal(jax.random.key(1), kernel) * 0.1).astype(dtype)
  keys = jax.random.split(jax.random.key(0), repeats)
  x = [jax.random.normal(key, image).astype(dtype) for key in keys]
  out = jax.eval_shape(layer, x[0], w)
  cotangent = [jnp.ones(out.shape, out.dtype) for _ in range(repeats)]

  def layers_of(x, w):
    return [layer(each, w) for each in x]

  def both(x, w, cotangent):
    y, pull = jax.vjp(layers_of, x, w)
    by_x, by_w = pull(cotangent)
    return y, by_x, jax.lax.psum(by_w, 'batch')

  # Every device has the whole kernel and a part of the images.
  mesh = jax.sharding.Mesh(np.array(devices), ('batch',))
  share, whole = jax.P('batch'), jax.P()
  x, cotangent = jax.device_put((x, cotangent), jax.NamedSharding(mesh, share))
  w = jax.device_put(w, jax.NamedSharding(mesh, whole))

  def over_devices(function, inputs, outputs):
    return jax.jit(
      jax.shard_map(
        function,
        mesh=mesh,
        in_specs=inputs,
        out_specs=outputs,
        check_vma=False,
      )
    )

  forward = over_devices(layers_of, (share, whole), share)
  forward = forward.lower(x, w).compile()
  lowered = over_devices(both, (share, whole, share), (share, share, whole))
  lowered = lowered.lower(x, w, cotangent)
  start = time.perf_counter()
  gradient = lowered.compile()
  memory = gradient.memory_analysis()
  costs = {
    'compile_s': time.perf_counter() - start,
    'temporary_mb': memory.temp_size_in_bytes / 1e6,
    'output_mb': memory.output_size_in_bytes / 1e6,
  }
  return (forward, (x, w)), (gradient, (x, w, cotangent)), costs


def jax_runs(case: Case, dtype: str):
  """Returns forward and gradient per contender, and the costs of one layer."""
  runs, costs = {}, {}
  for name in ('ours', 'flax'):
    *_, costs[name] = compiled(case, dtype, name)
    *passes, _ = compiled(case, dtype, name, REPEATS)
    runs[name] = [
      lambda f=f, operands=operands: jax.block_until_ready(f(*operands))
      for f, operands in passes
    ]
  return runs, costs


def torch_runs(case: Case, dtype: str):
  """Returns PyTorch's forward pass and gradients, channels last."""
  n, d, functional = case.rank, case.rank - 1, torch.nn.functional
  layout = (
    torch.contiguous_format,
    torch.channels_last,
    torch.channels_last_3d,
  )[d]
  kind = getattr(torch, dtype)
  shape = (case.batch, case.channels, *[case.size] * n)
  pair = (case.channels, case.features)
  pair = pair if case.kind == 'transposed' else pair[::-1]

  def tensor(*s):
    return torch.randn(*s, dtype=kind).to(memory_format=layout)

  images = [tensor(*shape).requires_grad_() for _ in range(REPEATS)]
  w = tensor(*pair, *[case.kernel] * n).requires_grad_()
  k, s = case.kernel, case.stride
  if case.kind == 'transposed':
    padding = max(0, (k - s + 1) // 2)
    f = (
      functional.conv_transpose1d,
      functional.conv_transpose2d,
      functional.conv_transpose3d,
    )[d]
    options = {'padding': padding, 'output_padding': s - k + 2 * padding}
  else:
    f = (functional.conv1d, functional.conv2d, functional.conv3d)[d]
    options = {'padding': (k - 1) // 2}

  def layer(x):
    return f(x, w, stride=s, **options)

  cotangent = [torch.ones_like(layer(x)) for x in images]

  def forward():
    with torch.no_grad():
      return [layer(x) for x in images]

  def gradient():
    return torch.autograd.grad(
      [layer(x) for x in images], [*images, w], cotangent
    )

  return forward, gradient
