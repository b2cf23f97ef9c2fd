"""Times our convolutions against those of Flax and PyTorch.

    python benchmarks/transposed_convolution.py --output=FILE.json

Times the forward pass, and the forward pass with both gradients, of every layer
in `convolutions.CASES`; then the training step of the default autoencoder; and
measures peak memory. Contenders run in turns: on a busy machine compare ratios,
not milliseconds. `--quick` runs small batches and three rounds, without memory.
"""

import json
import pathlib
import sys

from absl import app
from absl import flags
import jax
import jax.numpy as jnp

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder.runs import provenance  # noqa: E402
from autoencoder.runtime import processors  # noqa: E402
from benchmarks import convolution_memory  # noqa: E402
from benchmarks import convolutions  # noqa: E402
from benchmarks import interleaved  # noqa: E402
from benchmarks import training_step  # noqa: E402

_OUTPUT = flags.DEFINE_string('output', None, 'JSON file to write.')
_ONLY = flags.DEFINE_string('only', '', 'Only the cases that contain this.')
_QUICK = flags.DEFINE_bool('quick', False, 'Small batches, three rounds.')
_DTYPES = flags.DEFINE_list('dtypes', ['float32', 'bfloat16'], 'Dtypes.')
_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Rounds of every comparison.')

_NAMES = ('ours', 'flax', 'torch') if convolutions.torch else ('ours', 'flax')


def _matmul_rate() -> float:
  """Returns GFLOP/s of a float32 matrix product, the peak of this machine."""
  a = jnp.ones((2048, 2048))  # Large enough to keep all cores busy.
  product = jax.jit(jnp.matmul)
  run = {'ours': lambda: product(a, a).block_until_ready()}
  return 2 * 2048**3 / interleaved.measure(run, 9)['ms']['ours'] / 1e6


def _measure(case: convolutions.Case, dtype: str, rounds: int, peak: float):
  """Returns one row of the table."""
  runs, costs = convolutions.jax_runs(case, dtype)
  if convolutions.torch:
    runs['torch'] = convolutions.torch_runs(case, dtype)
  row = {'name': case.name(), 'kind': case.kind, 'dtype': dtype, **costs}
  macs = case.batch * case.size**case.rank * case.kernel**case.rank
  if case.kind == 'strided':
    macs //= case.stride**case.rank
  flops = 2 * macs * case.channels * case.features
  for i, what in enumerate(('forward', 'gradient')):
    row[what] = interleaved.measure(
      {name: run[i] for name, run in runs.items()}, rounds
    )
    for name in row[what]['ms']:
      row[what]['ms'][name] /= convolutions.REPEATS
    rate = flops * (1, 3)[i] / row[what]['ms']['ours'] / 1e6
    row[what]['of_matmul_rate'] = rate / peak
  return row


def _summary(rows):
  """Returns mean and worst of the ratios, per kind, dtype and contender."""
  result = {}
  groups = sorted({(row['kind'], row['dtype']) for row in rows})
  for kind, dtype in groups:
    chosen = [r for r in rows if (r['kind'], r['dtype']) == (kind, dtype)]
    for what in ('forward', 'gradient'):
      for other in _NAMES[1:]:
        result[f'{kind} {dtype} {what} / {other}'] = interleaved.geometric_mean(
          {row['name']: row[what]['ratio'][other] for row in chosen}
        )
    for cost in ('compile_s', 'temporary_mb'):
      # Results need memory as well as temporaries.
      held = 'output_mb' if cost == 'temporary_mb' else None
      ratios = {
        row['name']: (row['flax'][cost] + row['flax'].get(held, 0))
        / (row['ours'][cost] + row['ours'].get(held, 0))
        for row in chosen
      }
      result[f'{kind} {dtype} {cost} / flax'] = interleaved.geometric_mean(
        ratios
      )
  return result


def _times(timing) -> str:
  """Returns milliseconds and ratios of one comparison."""
  ms = ' / '.join(f'{timing["ms"][name]:7.2f}' for name in _NAMES)
  ratio = ', '.join(f'{timing["ratio"][name]:6.2f}' for name in _NAMES[1:])
  return f'{ms} x {ratio}'


def _print(row) -> None:
  costs = ' | '.join(
    ' / '.join(f'{row[name][cost]:.2f}' for name in ('ours', 'flax'))
    for cost in ('compile_s', 'temporary_mb')
  )
  print(
    f'{row["name"]:36} {row["dtype"]:8} {_times(row["forward"])} | '
    f'{_times(row["gradient"])} | {costs}',
    flush=True,
  )


def main(argv):
  del argv
  processors.use_eigen()
  processors.keep_freed_memory()  # As launch.py does; PyTorch gains as well.
  processors.share(16)
  rounds = 3 if _QUICK.value else _ROUNDS.value
  peak = _matmul_rate()
  rows = []
  print(
    f'ms of {" / ".join(_NAMES)} x how much slower those are: forward | '
    'gradient | compilation, s | temporary memory, MB'
  )
  for case in convolutions.CASES:
    if _ONLY.value not in case.name():
      continue
    if _QUICK.value:
      case = case._replace(batch=1)
    for dtype in _DTYPES.value:
      rows.append(_measure(case, dtype, rounds, peak))
      _print(rows[-1])
  report = provenance.describe() | {
    'matmul_gflops': peak,
    'summary': _summary(rows),
    'rows': rows,
  }
  if convolutions.torch:
    report['versions'] |= {'torch': convolutions.torch.__version__}
  for name, entry in report['summary'].items():
    print(f'{name}: {json.dumps(entry)}')
  if not _ONLY.value:
    batch, side = (4, 32) if _QUICK.value else (16, 64)
    steps, costs = training_step.runs(batch, side)
    report['training_step'] = {
      'batch': batch, 'side': side, 'gflop': training_step.gflop(batch, side)
    } | costs  # fmt: skip
    report['training_step'] |= interleaved.measure(steps, 3 * rounds, 60.0)
    print('training step, ms:', _times(report['training_step']), costs)
    if not _QUICK.value:
      report['memory'] = convolution_memory.measure()
      for row in report['memory']:
        print('peak memory, MB:', json.dumps(row))
  if _OUTPUT.value:
    output = pathlib.Path(_OUTPUT.value)
    part = output.with_name(output.name + '.part')
    part.write_text(json.dumps(report, indent=1) + '\n')
    part.replace(output)


if __name__ == '__main__':
  app.run(main)
