"""Compares segmentation with skip connections, without, and with switches.

    python benchmarks/segmentation_decoders.py

Trains experiments/segmentation.py (minutes on 2 cores) and its variants
`:noskips` and `:unpool`, each with its own recipe, and measures the test
scenes. Writes `benchmarks/results/segmentation_decoders.json`;
`results_tables.py` puts its table into docs/segmentation.md.
"""

import json
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder.runs import provenance
from benchmarks import common

# The source of the decoder's spatial detail, by the variant of the experiment.
VARIANTS = {
  '': 'skip connections',
  'noskips': 'the bottleneck only',
  'unpool': 'switches',
}
METRICS = ('miou', 'class_accuracy', 'accuracy')


def main() -> None:
  parser = common.make_parser(__doc__, results='segmentation_decoders')
  common.add_steps(parser)
  options = parser.parse_args()
  rows = {name: train(name, options.steps) for name in VARIANTS}
  result = {'rows': rows} | provenance.describe()
  common.write_json(options.output, result)
  print(table(result))


def train(variant: str, steps: int | None) -> dict:
  """Returns the mean metrics of the test scenes, size and training time."""
  with tempfile.TemporaryDirectory() as workdir:
    common.launch(
      f'--config=experiments/segmentation.py:{variant}',
      f'--workdir={workdir}',
      *([f'--config.train.steps={steps}'] if steps else []),
    )
    (path,) = (pathlib.Path(workdir) / 'evaluation').glob('*.json')
    result = json.loads(path.read_text())
  kept = ('step', 'parameters', 'training_seconds')
  return {metric: result['mean']['model'][metric] for metric in METRICS} | {
    key: result[key] for key in kept
  }


def table(result: dict) -> str:
  """Returns a Markdown table, one row per variant."""
  lines = [
    '| locations reach the decoder by | mean IoU | class accuracy | accuracy '
    '| parameters |',
    '|:--|--:|--:|--:|--:|',
  ]
  for name, row in result['rows'].items():
    measured = ' | '.join(f'{row[metric]:.3f}' for metric in METRICS)
    lines.append(f'| {VARIANTS[name]} | {measured} | {row["parameters"]:,} |')
  return '\n'.join(lines)


if __name__ == '__main__':
  main()
