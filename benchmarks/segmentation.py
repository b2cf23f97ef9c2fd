"""Trains on CamVid and compares the test set's figures with published ones.

    python benchmarks/segmentation.py --data=DATA [--steps=N]

DATA holds the folder CamVid of the SegNet tutorial: 480 x 360 pixels, 11
classes and void, which does not count; `train` (367 images), `val` (101) and
`test` (233), each with labels in a folder whose name ends in `annot`. The run
is in `runs/benchmarks/segmentation`. If it was stopped, it continues; if it is
complete, it is only measured. The recipe was tuned on `val`. Writes
`benchmarks/results/segmentation.json` and prints a table.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import common

METRICS = ('miou', 'class_accuracy', 'accuracy')


def main() -> None:
  parser = common.make_parser(__doc__, results='segmentation')
  common.add_data(parser, 'the folder CamVid')
  common.add_steps(parser)
  parser.add_argument(
    '--workdir',
    type=lambda value: pathlib.Path(value).resolve(),
    default=common.RUNS / 'segmentation',
    help='directory of the run. Default: runs/benchmarks/segmentation',
  )
  options = parser.parse_args()
  common.require_folders(parser, options.data, ['CamVid'])
  camvid = (options.data / 'CamVid').resolve()
  common.launch(
    '--config=experiments/segmentation.py:camvid',
    f'--workdir={options.workdir}',
    f'--config.data.source=folder:{camvid}',
    f'--config.data.test_source=folder:{camvid / "val"}',
    *([f'--config.train.steps={options.steps}'] if options.steps else []),
  )
  means = {}
  # Evaluating the whole folder measures its `test` images.
  for split, folder in {'val': camvid / 'val', 'test': camvid}.items():
    measured = common.evaluate(options.workdir, f'folder:{folder}')
    means[split] = measured['mean']['model']
    means[split]['images'] = len(measured['images'])
  result = {key: measured[key] for key in common.RUN_FACTS} | {
    'command': 'python benchmarks/segmentation.py --data=DATA'
    + (f' --steps={options.steps}' if options.steps else ''),
    'sets': means,
  }
  common.write_json(options.output, result)
  print(table(result))


def table(result: dict) -> str:
  """Returns a Markdown table of the model and of published networks."""
  published = common.read_json('published.json')['segmentation_camvid']
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
  # Not sorted in: the other rows are figures of the test set.
  ordered.append(
    ('the same on the validation set (used for tuning)', sets['val'])
  )
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
