"""Measures the contribution of each choice of the default denoiser.

    python benchmarks/denoising_ablations.py

Trains experiments/denoising.py for 300 steps (a minute on 2 cores), once with
its defaults and once for each changed choice, and measures the held-out photos;
the default also with self-ensemble. Writes
`benchmarks/results/denoising_ablations.json`; `results_tables.py` puts its
table into docs/ablations.md.
"""

import json
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder.runs import provenance
from benchmarks import common

# Options that differ from the default, by the name of the row in the results.
VARIANTS = {
  'default': {},
  'AdamW instead of Muon': {'train.muon_learning_rate': 0},
  'kernels of 4 instead of 2': {'model.kernel': 4},
  'stem at half resolution': {'model.stem_stride': 2},
  'no colour jitter': {'data.color_jitter': False},
  'no residual output': {'model.residual': False},
  'no skips': {'model.skips': False},
  'two blocks per scale': {'model.blocks': 2},
  'no averaged weights': {'train.ema_decay': 0},
  'no weight decay': {'train.weight_decay': 0},
  'no cosine, the rate as it is': {'train.final_rate': 1},
  'updates of 4 batches in the last quarter': {'train.late_batches': 4},
  'bfloat16': {'model.dtype': 'bfloat16'},
  'batches of 16, half the steps': {
    'train.batch_size': 16,
    'train.warmup_steps': 50,
  },
}
# Clearer titles of rows whose name in the results files cannot change.
TITLES = {
  'no cosine, the rate as it is': 'constant learning rate, no cosine decay',
  'updates of 4 batches in the last quarter': (
    'last quarter of steps: gradients averaged over 4 batches'
  ),
}


def main() -> None:
  parser = common.make_parser(__doc__, results='denoising_ablations')
  parser.add_argument(
    '--steps', type=int, default=300, help='training steps. Default: 300'
  )
  parser.add_argument(
    '--only',
    nargs='*',
    choices=VARIANTS,
    default=VARIANTS,
    help='rows to measure besides the default. Default: all',
  )
  options = parser.parse_args()
  rows = {}
  # Every row is compared with the default, which therefore comes first.
  for name in dict.fromkeys(('default', *options.only)):
    changes = VARIANTS[name]
    batch = changes.get('train.batch_size', 8)
    measured = train(changes, name, options.steps * 8 // batch)
    rows |= measured
    for row, found in measured.items():
      difference = found['psnr'] - rows['default']['psnr']
      print(
        f'{row:28}{found["psnr"]:7.2f} dB {difference:+6.2f}  '
        f'{found["training_seconds"]:5.0f} s',
        flush=True,
      )
  result = {'steps': options.steps, 'rows': rows} | provenance.describe()
  common.write_json(options.output, result)


def train(changes: dict, name: str, steps: int) -> dict[str, dict]:
  """Trains one variant.

  Args:
    changes: options that differ from the default. Without any, the run is
      measured with self-ensemble, too.
    name: of its row.
    steps: of training.

  Returns:
    PSNR and SSIM on the held-out photos, training time and size, by row.
  """
  with tempfile.TemporaryDirectory() as workdir:
    common.launch(
      '--config=experiments/denoising.py',
      f'--workdir={workdir}',
      f'--config.train.steps={steps}',
      *(f'--config.{option}={value}' for option, value in changes.items()),
      quiet=True,
    )
    files = {name: 'sample_photos.json'}
    if not changes:
      common.launch(
        '--mode=evaluate',
        f'--workdir={workdir}',
        '--config.evaluation.self_ensemble=True',
        quiet=True,
      )
      files['self-ensemble'] = 'sample_photos-self_ensemble-True.json'
    results = {
      row: json.loads((pathlib.Path(workdir) / 'evaluation' / file).read_text())
      for row, file in files.items()
    }
  return {
    row: {
      'options': changes,
      **result['mean']['model'],
      'training_seconds': result['training_seconds'],
      'parameters': result['parameters'],
    }
    for row, result in results.items()
  }


def table(result: dict) -> str:
  """Returns a Markdown table, one row per variant."""
  lines = [
    '| change from the default | PSNR, dB | difference | training '
    '| parameters |',
    '|:--|--:|--:|--:|--:|',
  ]
  rows = result['rows']
  for name, row in rows.items():
    difference = row['psnr'] - rows['default']['psnr']
    lines.append(
      f'| {TITLES.get(name, name)} | {row["psnr"]:.2f} | {difference:+.2f} '
      f'| {row["training_seconds"]:.0f} s | {row["parameters"]:,} |'
    )
  return '\n'.join(lines)


if __name__ == '__main__':
  main()
