"""What the decoder is told of the encoder: three ways, on `scenes`.

    python benchmarks/segmentation_decoders.py

Trains experiments/segmentation.py (5 minutes on 2 cores), `:noskips` and
`:unpool` for as many steps and measures them on the test scenes. Writes
benchmarks/results/segmentation_decoders.json; readme_tables.py puts its table
into docs/segmentation.md.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / 'benchmarks' / 'results' / 'segmentation_decoders.json'

VARIANTS = {'': 'skip connections', 'noskips': 'none', 'unpool': 'switches'}
KEPT = ('step', 'parameters', 'training_seconds', 'commit', 'machine')


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--steps', type=int, help="instead of the recipe's")
  parser.add_argument('--output', type=pathlib.Path, default=RESULTS)
  options = parser.parse_args()
  command = 'python benchmarks/segmentation_decoders.py'
  result = {
    'command': command + (f' --steps={options.steps}' if options.steps else ''),
    'rows': {},
  }
  for variant, title in VARIANTS.items():
    result['rows'][title] = train(variant, options.steps)
    # One at a time, so that a run that is stopped has lost nothing.
    options.output.write_text(json.dumps(result, indent=2) + '\n')
    print(table(result), flush=True)


def train(variant: str, steps: int | None) -> dict:
  """Returns what is kept of one run: the mean scores, size, time."""
  with tempfile.TemporaryDirectory() as workdir:
    path = ROOT / 'experiments' / 'segmentation.py'
    command = [
      sys.executable, str(ROOT / 'launch.py'), f'--workdir={workdir}',
      f'--config={path}' + (f':{variant}' if variant else ''),
    ]  # fmt: skip
    if steps:
      command.append(f'--config.train.steps={steps}')
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    measured = pathlib.Path(workdir) / 'evaluation' / 'scenes.json'
    found = json.loads(measured.read_text())
  scores = found['mean']['model']
  return {key: found[key] for key in KEPT} | {
    'variant': variant,
    **{name: x for name, x in scores.items() if isinstance(x, float)},
  }


def table(result: dict) -> str:
  """Returns the Markdown table."""
  lines = [
    '| the decoder is told | mean IoU | class accuracy | accuracy | parameters '
    '| training |',
    '|:--|--:|--:|--:|--:|--:|',
  ]
  for title, row in result['rows'].items():
    variant = f' (`:{row["variant"]}`)' if row['variant'] else ''
    scores = (row[key] for key in ('miou', 'class_accuracy', 'accuracy'))
    lines.append(
      f'| {title}{variant} | '
      + ' | '.join(f'{100 * score:.1f} %' for score in scores)
      + f' | {row["parameters"]:,} | {row["training_seconds"] / 60:.1f} min |'
    )
  return '\n'.join(lines)


if __name__ == '__main__':
  main()
