"""Trains on CamVid and measures beside published figures.

    python benchmarks/segmentation.py --data=DATA [--steps=N]

DATA holds the folder CamVid of the SegNet tutorial: 480 x 360 pixels, 11
classes, void left out; `train` (367 images), `val` (101), `test` (233), each
with its `...annot`. The run lives in runs/benchmarks/segmentation: one that was
stopped goes on, one that is complete is only measured. Choices were made on
`val`. Writes benchmarks/results/segmentation.json and prints a table.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / 'benchmarks' / 'results' / 'segmentation.json'
PUBLISHED = ROOT / 'benchmarks' / 'published.json'
WORKDIR = ROOT / 'runs' / 'benchmarks' / 'segmentation'

METRICS = ('miou', 'class_accuracy', 'accuracy')


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--data', type=pathlib.Path, required=True)
  parser.add_argument('--steps', type=int, help="instead of the recipe's")
  parser.add_argument('--workdir', type=pathlib.Path, default=WORKDIR)
  parser.add_argument('--output', type=pathlib.Path, default=RESULTS)
  options = parser.parse_args()
  camvid = (options.data / 'CamVid').resolve()
  launch(
    '--config=experiments/segmentation.py:camvid',
    f'--workdir={options.workdir}',
    f'--config.data.source=folder:{camvid}',
    f'--config.data.test_source=folder:{camvid / "val"}',
    *([f'--config.train.steps={options.steps}'] if options.steps else []),
  )
  means = {}
  # The whole folder stands for its test images.
  for split, source in {'val': camvid / 'val', 'test': camvid}.items():
    measured = measure(options.workdir, source)
    means[split] = measured['mean']['model']
    means[split]['images'] = len(measured['images'])
  kept = (
    'step', 'parameters', 'training_seconds', 'training_commit',
    'training_machine', 'commit', 'machine',
  )  # fmt: skip
  result = {key: measured[key] for key in kept} | {
    'command': 'python benchmarks/segmentation.py --data=DATA'
    + (f' --steps={options.steps}' if options.steps else ''),
    'sets': means,
  }
  options.output.parent.mkdir(parents=True, exist_ok=True)
  options.output.write_text(json.dumps(result, indent=2) + '\n')
  print(table(result))


def measure(workdir: pathlib.Path, source: pathlib.Path) -> dict:
  """Returns the numbers of the run on a folder, whatever their file's name."""
  with tempfile.TemporaryDirectory() as output:
    launch(
      '--mode=evaluate',
      f'--workdir={workdir}',
      f'--data=folder:{source}',
      f'--output={output}',
    )
    (path,) = pathlib.Path(output).glob('*.json')
    return json.loads(path.read_text())


def launch(*arguments: str) -> None:
  command = [sys.executable, 'launch.py', *arguments]
  subprocess.run(command, check=True, cwd=ROOT)


def table(result: dict) -> str:
  """Returns a Markdown table: the model, and what others published."""
  published = json.loads(PUBLISHED.read_text())['segmentation_camvid']
  ours = f'**this autoencoder** ({result["parameters"] / 1e6:.1f} M)'
  rows = {
    row: [values.get(metric) for metric in METRICS]
    for row, values in published.items()
  }
  sets = {
    split: [100 * values[metric] for metric in METRICS]
    for split, values in result['sets'].items()
  }
  rows[ours] = sets['test']
  ordered = sorted(rows.items(), key=lambda row: row[1][0])
  # Not among the others: they are figures of the test set.
  ordered.append(('the same on val, where choices were made', sets['val']))
  lines = [
    '| CamVid test, 480 x 360, 11 classes, % | mean IoU | class average | '
    'global |',
    '|:--|--:|--:|--:|',
  ]
  for row, values in ordered:
    cells = ['' if value is None else f'{value:.1f}' for value in values]
    lines.append(f'| {row} | {" | ".join(cells)} |')
  return '\n'.join(lines)


if __name__ == '__main__':
  main()
