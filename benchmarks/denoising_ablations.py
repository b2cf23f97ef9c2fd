"""What each choice of the default denoiser is worth, at equal steps.

    python benchmarks/denoising_ablations.py

Trains experiments/denoising.py for 600 steps (a minute on 2 cores), once as it
is and once with each choice taken back, and measures the held-out photos.
Writes benchmarks/results/denoising_ablations.json.
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
}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--steps', type=int, default=600)
  parser.add_argument('--output', type=pathlib.Path, default=RESULTS)
  options = parser.parse_args()
  rows = {}
  for name, changes in VARIANTS.items():
    rows[name] = train(changes, options.steps)
    difference = rows[name]['psnr'] - rows['default']['psnr']
    print(
      f'{name:28}{rows[name]["psnr"]:7.2f} dB {difference:+6.2f}  '
      f'{rows[name]["training_seconds"]:5.0f} s',
      flush=True,
    )
  from autoencoder import provenance

  result = {'steps': options.steps, 'rows': rows} | provenance.describe()
  options.output.write_text(json.dumps(result, indent=2) + '\n')


def train(changes: dict, steps: int) -> dict:
  """Returns PSNR and SSIM on the held-out photos, and the training time."""
  with tempfile.TemporaryDirectory() as workdir:
    command = [
      sys.executable,
      ROOT / 'launch.py',
      f'--config={ROOT / "experiments" / "denoising.py"}',
      f'--workdir={workdir}',
      f'--config.train.steps={steps}',
      *(f'--config.{option}={value}' for option, value in changes.items()),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    path = pathlib.Path(workdir) / 'evaluation' / 'sample_photos.json'
    result = json.loads(path.read_text())
  return {
    'options': changes,
    **result['mean']['model'],
    'training_seconds': result['training_seconds'],
    'parameters': result['parameters'],
  }


if __name__ == '__main__':
  main()
