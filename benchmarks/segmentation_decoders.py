"""What skip connections and switches are worth to segmentation.

    python benchmarks/segmentation_decoders.py

Trains experiments/segmentation.py (minutes on 2 cores) and its variants
`:noskips` and `:unpool`, each by its own recipe, and measures the test scenes.
Writes benchmarks/results/segmentation_decoders.json; readme_tables.py puts its
table into docs/segmentation.md.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / 'benchmarks' / 'results' / 'segmentation_decoders.json'
sys.path.insert(0, str(ROOT))

# Variant of the experiment: what its decoder is told of places.
VARIANTS = {
  '': 'skip connections',
  'noskips': 'nothing but the bottleneck',
  'unpool': 'switches',
}
METRICS = ('miou', 'class_accuracy', 'accuracy')


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--steps', type=int, help="instead of the recipe's")
  parser.add_argument('--output', type=pathlib.Path, default=RESULTS)
  options = parser.parse_args()
  from autoencoder.runs import provenance

  rows = {name: train(name, options.steps) for name in VARIANTS}
  result = {'rows': rows} | provenance.describe()
  options.output.write_text(json.dumps(result, indent=2) + '\n')
  print(table(result))


def train(variant: str, steps: int | None) -> dict:
  """Returns the mean metrics of the test scenes, size and training time."""
  with tempfile.TemporaryDirectory() as workdir:
    experiment = ROOT / 'experiments' / 'segmentation.py'
    command = [
      sys.executable, ROOT / 'launch.py', f'--config={experiment}:{variant}',
      f'--workdir={workdir}',
    ]  # fmt: skip
    if steps:
      command.append(f'--config.train.steps={steps}')
    subprocess.run(command, check=True)
    (path,) = (pathlib.Path(workdir) / 'evaluation').glob('*.json')
    result = json.loads(path.read_text())
  kept = ('step', 'parameters', 'training_seconds')
  return {metric: result['mean']['model'][metric] for metric in METRICS} | {
    key: result[key] for key in kept
  }


def table(result: dict) -> str:
  """Returns the Markdown table."""
  lines = [
    '| the decoder is told where by | mean IoU | class accuracy | accuracy '
    '| parameters |',
    '|:--|--:|--:|--:|--:|',
  ]
  for name, row in result['rows'].items():
    measured = ' | '.join(f'{row[metric]:.3f}' for metric in METRICS)
    lines.append(f'| {VARIANTS[name]} | {measured} | {row["parameters"]:,} |')
  return '\n'.join(lines)


if __name__ == '__main__':
  main()
