"""What each choice of the default denoiser is worth, at equal steps.

    python benchmarks/denoising_ablations.py

Trains experiments/denoising.py for 300 steps (a minute on 2 cores), once
as it is and once with each choice taken back, and measures the held-out photos;
the first one's as the mean over eight views too. Writes
benchmarks/results/denoising_ablations.json; readme_tables.py puts its table
into docs/ablations.md.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / 'benchmarks' / 'results' / 'denoising_ablations.json'
sys.path.insert(0, str(ROOT))

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


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--steps', type=int, default=300)
  parser.add_argument('--only', nargs='*', choices=VARIANTS, default=VARIANTS)
  parser.add_argument('--output', type=pathlib.Path, default=RESULTS)
  options = parser.parse_args()
  rows = {}
  # The others are told by their difference to the default.
  for name in dict.fromkeys(('default', *options.only)):
    changes = VARIANTS[name]
    batch = changes.get('train.batch_size', 8)
    made = train(name, changes, options.steps * 8 // batch)
    rows |= made
    for row, found in made.items():
      difference = found['psnr'] - rows['default']['psnr']
      print(
        f'{row:28}{found["psnr"]:7.2f} dB {difference:+6.2f}  '
        f'{found["training_seconds"]:5.0f} s',
        flush=True,
      )
  from autoencoder.runs import provenance

  result = {'steps': options.steps, 'rows': rows} | provenance.describe()
  options.output.write_text(json.dumps(result, indent=2) + '\n')


def train(name: str, changes: dict, steps: int) -> dict[str, dict]:
  """Returns PSNR and SSIM on the held-out photos, and the training time."""
  with tempfile.TemporaryDirectory() as workdir:
    launch(
      f'--config={ROOT / "experiments" / "denoising.py"}',
      f'--workdir={workdir}',
      f'--config.train.steps={steps}',
      *(f'--config.{option}={value}' for option, value in changes.items()),
    )
    files = {name: 'sample_photos.json'}
    if not changes:
      option = '--config.evaluation.self_ensemble=True'
      launch('--mode=evaluate', f'--workdir={workdir}', option)
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
  """Returns the Markdown table."""
  lines = [
    '| the default, but | PSNR, dB | difference | training | parameters |',
    '|:--|--:|--:|--:|--:|',
  ]
  rows = result['rows']
  for name, row in rows.items():
    difference = row['psnr'] - rows['default']['psnr']
    lines.append(
      f'| {name} | {row["psnr"]:.2f} | {difference:+.2f} '
      f'| {row["training_seconds"]:.0f} s | {row["parameters"]:,} |'
    )
  return '\n'.join(lines)


def launch(*arguments: str) -> None:
  command = [sys.executable, ROOT / 'launch.py', *arguments]
  subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == '__main__':
  main()
