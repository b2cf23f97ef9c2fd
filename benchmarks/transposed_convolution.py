"""Times our convolutions against Flax's and PyTorch's.

    python benchmarks/transposed_convolution.py --output=FILE.json

Forward, and forward with the gradient of both operands, interleaved: every
round runs each contender once, the fastest round counts. On a shared machine
compare ratios, not milliseconds. PyTorch runs where it is installed.
"""

import json
import math
import pathlib
import statistics
import time
from typing import NamedTuple

from absl import app
from absl import flags
import jax
from jax import lax
import jax.numpy as jnp

from autoencoder import layers
from autoencoder import provenance

try:
  import torch
except ImportError:
  torch = None

_OUTPUT = flags.DEFINE_string('output', None, 'JSON file to write.')
_ONLY = flags.DEFINE_string('only', '', 'Run the cases whose name has this.')
_QUICK = flags.DEFINE_bool('quick', False, 'Small cases, three rounds.')
_DTYPES = flags.DEFINE_list('dtypes', ['float32', 'bfloat16'], 'Dtypes.')
_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Rounds; the fastest counts.')


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
  Case('transposed', 4, 8, 32, 16, 3, 2, rank=3),
  Case('strided', 16, 64, 3, 32, 2, 2),
  Case('strided', 16, 64, 3, 32, 4, 2),
  Case('strided', 16, 64, 32, 64, 3, 2),
  Case('strided', 16, 64, 32, 64, 4, 2),
  Case('strided', 16, 32, 64, 128, 2, 2),
  Case('strided', 16, 32, 32, 32, 3, 1),
  Case('strided', 16, 16, 64, 64, 3, 1),
  Case('strided', 16, 64, 32, 32, 3, 1),
)


def _numbers(rank):
  spatial = 'DHW'[-rank:]
  return f'N{spatial}C', f'{spatial}IO', f'N{spatial}C'


def _jax_contenders(case: Case):
  """Returns ours and what `nnx` calls, as functions of image and kernel."""
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


def _jax_runs(case: Case, dtype: str):
  """Returns compiled forward and gradient per contender, and their costs."""
  image = (case.batch, *[case.size] * case.rank, case.channels)
  kernel = (*[case.kernel] * case.rank, case.channels, case.features)
  x = jax.random.normal(jax.random.key(0), image).astype(dtype)
  w = (jax.random.normal(jax.random.key(1), kernel) * 0.1).astype(dtype)
  runs, costs = {}, {}
  for name, layer in _jax_contenders(case).items():
    out = jax.eval_shape(layer, x, w)
    cotangent = jnp.ones(out.shape, out.dtype)

    def both(x, w, cotangent, layer=layer):
      y, pull = jax.vjp(layer, x, w)
      return y, pull(cotangent)

    forward = jax.jit(layer).lower(x, w).compile()
    start = time.perf_counter()
    gradient = jax.jit(both).lower(x, w, cotangent).compile()
    costs[name] = {
      'compile_s': time.perf_counter() - start,
      'temporary_mb': gradient.memory_analysis().temp_size_in_bytes / 1e6,
    }

    def run_forward(f=forward):
      jax.block_until_ready(f(x, w))

    def run_gradient(f=gradient, cotangent=cotangent):
      jax.block_until_ready(f(x, w, cotangent))

    runs[name] = run_forward, run_gradient
  return runs, costs


def _torch_runs(case: Case, dtype: str):
  """Returns PyTorch's forward and gradient, channels last."""
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

  x = tensor(*shape).requires_grad_()
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

  def layer():
    return f(x, w, stride=s, **options)

  cotangent = torch.ones_like(layer())

  def forward():
    with torch.no_grad():
      layer()

  return forward, lambda: torch.autograd.grad(layer(), (x, w), cotangent)


def interleaved(runs, rounds: int) -> dict[str, float]:
  """Returns milliseconds per contender, the fastest of `rounds`."""
  for run in runs.values():
    run()
  best = dict.fromkeys(runs, math.inf)
  for _ in range(rounds):
    for name, run in runs.items():
      start = time.perf_counter()
      run()
      best[name] = min(best[name], 1e3 * (time.perf_counter() - start))
  return best


def _matmul_rate(rounds: int) -> float:
  """Returns GFLOP/s of a float32 matrix product, the roof of this machine."""
  a = jnp.ones((2048, 2048))
  product = jax.jit(jnp.matmul)
  run = {'': lambda: product(a, a).block_until_ready()}
  return 2 * 2048**3 / interleaved(run, rounds)[''] / 1e6


def measure(case: Case, dtype: str, rounds: int, roof: float):
  """Returns one row of the table."""
  runs, costs = _jax_runs(case, dtype)
  if torch:
    runs['torch'] = _torch_runs(case, dtype)
  row = {'name': case.name(), 'kind': case.kind, 'dtype': dtype, **costs}
  products = case.batch * case.size**case.rank * case.kernel**case.rank
  if case.kind == 'strided':
    products //= case.stride**case.rank
  flops = 2 * products * case.channels * case.features
  for i, what in enumerate(('forward', 'gradient')):
    times = interleaved({name: run[i] for name, run in runs.items()}, rounds)
    of_roof = flops * (1, 3)[i] / times['ours'] / 1e6 / roof
    row[what] = times | {'of_matmul_rate': of_roof}
  return row


def _summary(rows):
  """Returns geometric means and the worst ratio, per kind, dtype and twin."""
  result = {}
  for kind in ('transposed', 'strided'):
    for dtype in sorted({row['dtype'] for row in rows}):
      for what in ('forward', 'gradient'):
        for twin in ('flax', 'torch'):
          ratios = {
            row['name']: row[what][twin] / row[what]['ours']
            for row in rows
            if row['kind'] == kind
            and row['dtype'] == dtype
            and twin in row[what]
          }
          if ratios:
            worst = min(ratios, key=ratios.get)
            result[f'{kind} {dtype} {what} / {twin}'] = {
              'geometric_mean': statistics.geometric_mean(ratios.values()),
              'worst': ratios[worst],
              'worst_case': worst,
            }
  return result


def main(argv):
  del argv
  rounds = 3 if _QUICK.value else _ROUNDS.value
  roof = _matmul_rate(rounds)
  rows = []
  print('ms: ours / Flax / PyTorch; then compile s and temporary MB vs Flax')
  for case in CASES:
    if _QUICK.value:
      case = case._replace(batch=1)
    if _ONLY.value not in case.name():
      continue
    for dtype in _DTYPES.value:
      row = measure(case, dtype, rounds, roof)
      rows.append(row)
      times = ' | '.join(
        ' / '.join(
          f'{row[what][name]:.1f}'
          for name in ('ours', 'flax', 'torch')
          if name in row[what]
        )
        for what in ('forward', 'gradient')
      )
      ours, flax = row['ours'], row['flax']
      print(
        f'{row["name"]:42} {dtype:8} {times} | '
        f'{ours["compile_s"]:.2f} / {flax["compile_s"]:.2f} s, '
        f'{ours["temporary_mb"]:.1f} / {flax["temporary_mb"]:.1f} MB',
        flush=True,
      )
  summary = _summary(rows)
  for name, entry in summary.items():
    print(f'{name}: {json.dumps(entry)}')
  if _OUTPUT.value:
    report = provenance.describe() | {
      'matmul_gflops': roof, 'summary': summary, 'rows': rows
    }
    report['versions'] |= {'torch': torch.__version__ if torch else None}
    pathlib.Path(_OUTPUT.value).write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
