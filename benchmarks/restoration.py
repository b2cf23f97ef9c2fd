"""Trains the `:benchmark` variants and measures them on the published sets.

    python benchmarks/restoration.py --data=DATA [--only=denoising_grey_25]

DATA holds the folders BSD400 (training), BSD68, Set12, Set5, Set14 and Kodak24.
A run lives in runs/benchmarks/NAME: one that was stopped goes on, one that is
complete is only measured. `--steps` is for other lengths than the recipes'.
Writes benchmarks/results/restoration.json and prints a table for each task
beside what others published under the same protocol.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / 'benchmarks' / 'results' / 'restoration.json'
PUBLISHED = ROOT / 'benchmarks' / 'published.json'
sys.path.insert(0, str(ROOT))

from autoencoder.runs import files  # noqa: E402

_DENSE = {
  'mask.rate': 0.8, 'loss': 'rmse', 'model.blocks': 2, 'train.steps': 16_000
}  # fmt: skip
_UNDECAYED = {'train.weight_decay': 1e-4}

# name: (experiment, further options, sets, headline metric).
RUNS = {
  'denoising_grey_25': ('denoising', {}, ('BSD68', 'Set12'), 'psnr'),
  'denoising_grey_50': (
    'denoising',
    {'sigma': 50.0, 'train.steps': 4000},
    ('BSD68', 'Set12'),
    'psnr',
  ),
  'denoising_colour_25': (
    'denoising',
    {
      'data.channels': 3,
      'evaluation.center_crop': 500,
      'train.steps': 8000,
    },
    ('Kodak24',),
    'psnr',
  ),
  'super_resolution_x2': (
    'super_resolution',
    {},
    ('Set5', 'Set14'),
    'psnr_y',
  ),
  'super_resolution_x3': (
    'super_resolution',
    {'model.scale': 3, 'data.crop': 144},
    ('Set5', 'Set14'),
    'psnr_y',
  ),
  'super_resolution_x4': (
    'super_resolution',
    {'model.scale': 4, 'data.crop': 192},
    ('Set5', 'Set14'),
    'psnr_y',
  ),
  'inpainting_50': (
    'inpainting',
    {},
    ('Set12', 'BSD68'),
    'psnr_hole',
  ),
  'inpainting_80': (
    'inpainting',
    _DENSE | {'train.weight_decay': 0.1},
    ('Set12', 'BSD68'),
    'psnr_hole',
  ),
  # What was tried before kernels decayed, two hours each: docs/ablations.md has
  # them all.
  'inpainting_80_undecayed': (
    'inpainting',
    _DENSE | _UNDECAYED,
    ('Set12', 'BSD68'),
    'psnr_hole',
  ),
  'inpainting_80_wide': (
    'inpainting',
    _DENSE
    | _UNDECAYED
    | {'model.widths': (32, 64, 128, 128), 'train.steps': 12_500},
    ('Set12', 'BSD68'),
    'psnr_hole',
  ),
  'inpainting_80_long': (
    'inpainting',
    _DENSE | _UNDECAYED | {'train.steps': 28_000},
    ('Set12', 'BSD68'),
    'psnr_hole',
  ),
  'inpainting_blocks': (
    'inpainting',
    {'mask.kinds': 'blocks'},
    ('Set12', 'BSD68'),
    'psnr_hole',
  ),
  'colourisation': ('colourisation', {}, ('Kodak24',), 'psnr'),
  # Beside it in docs/ablations.md.
  'colourisation_classification': (
    'colourisation',
    {
      'loss': 'classification',
      'model.widths': (32, 48, 64, 96),
      'evaluation.tile': 512,
    },
    ('Kodak24',),
    'psnr',
  ),
}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--data', type=pathlib.Path, required=True)
  tables = [name for name in RUNS if not name.startswith('inpainting_80_')]
  parser.add_argument('--only', nargs='*', choices=RUNS, default=tables)
  parser.add_argument('--steps', type=int, help="instead of the recipe's")
  parser.add_argument(
    '--self-ensemble', action='store_true',
    help='measures the mean over the eight ways to turn an image as well',
  )  # fmt: skip
  parser.add_argument('--output', type=pathlib.Path, default=RESULTS)
  options = parser.parse_args()
  for name in options.only:
    result = run(
      name, options.data.resolve(), options.steps, options.self_ensemble
    )
    # One at a time, so that a run that is stopped has lost nothing.
    results = {}
    if options.output.exists():
      results = json.loads(options.output.read_text())
    results[name] = result
    files.write_bytes(
      options.output, (json.dumps(results, indent=2) + '\n').encode()
    )
    print(table(name, result), flush=True)


def run(
  name: str, data: pathlib.Path, steps: int | None, self_ensemble: bool
) -> dict:
  """Trains and measures one row; returns what is kept of it."""
  experiment, changes, sets, _ = RUNS[name]
  workdir = ROOT / 'runs' / 'benchmarks' / name
  if steps:
    changes = changes | {'train.steps': steps}
  launch(
    f'--config=experiments/{experiment}.py:benchmark',
    f'--workdir={workdir}',
    f'--config.data.source=folder:{data / "BSD400"}',
    f'--config.data.test_source=folder:{data / sets[0]}',
    *(f'--config.{option}={value}' for option, value in changes.items()),
  )
  means = measure(workdir, data, sets)
  first = means[sets[0]]
  kept = (
    'step', 'parameters', 'training_seconds', 'training_commit',
    'training_machine', 'commit', 'machine',
  )  # fmt: skip
  result = {key: first[key] for key in kept} | {
    'command': f'python benchmarks/restoration.py --data=DATA --only {name}'
    + (f' --steps={steps}' if steps else '')
    + (' --self-ensemble' if self_ensemble else ''),
    'options': changes,
    'sets': {each: result['mean'] for each, result in means.items()},
  }
  if self_ensemble:
    means = measure(
      workdir, data, sets, '--config.evaluation.self_ensemble=True'
    )
    result['self_ensemble'] = {
      each: result['mean']['model'] for each, result in means.items()
    }
  return result


def measure(
  workdir: pathlib.Path, data: pathlib.Path, sets: tuple[str, ...], *options
) -> dict[str, dict]:
  """Returns what `--mode=evaluate` writes of each set."""
  measured = {}
  for each in sets:
    with tempfile.TemporaryDirectory() as output:
      launch(
        '--mode=evaluate',
        f'--workdir={workdir}',
        f'--data=folder:{data / each}',
        f'--output={output}',
        *options,
      )
      (path,) = pathlib.Path(output).glob('*.json')
      measured[each] = json.loads(path.read_text())
  return measured


def launch(*arguments: str) -> None:
  command = [sys.executable, 'launch.py', *arguments]
  subprocess.run(command, check=True, cwd=ROOT)


def table(name: str, result: dict) -> str:
  """Returns a Markdown table: baselines, the model, what others published."""
  *_, sets, metric = RUNS[name]
  published = json.loads(PUBLISHED.read_text()).get(name, {})
  rows = {}
  for each in sets:
    for row, values in result['sets'][each].items():
      rows.setdefault(row, {})[each] = values[metric]
    if apart := result.get('self_ensemble'):
      row = rows.setdefault('model, self-ensemble', {})
      row[each] = apart[each][metric]
    for row, values in published.items():
      if each in values:
        rows.setdefault(f'{row}, published', {})[each] = values[each]
  lines = [f'| {name}, {metric} | {" | ".join(sets)} |']
  lines.append('|:--' + '|--:' * len(sets) + '|')
  for row, values in rows.items():
    cells = [f'{values[s]:.2f}' if s in values else '' for s in sets]
    lines.append(f'| {row} | {" | ".join(cells)} |')
  return '\n'.join(lines)


if __name__ == '__main__':
  main()
