"""Trains the codec on BSD400 and measures its files on Kodak24.

    python benchmarks/compression.py --data=DATA [--steps=N]

DATA holds the folders BSD400 and Kodak24. The run is in
`runs/benchmarks/compression`. If it was stopped, it continues; if it is
complete, it is only measured. `--steps` changes its length. Writes
`benchmarks/results/compression.json` and prints a table of our model, JPEG,
JPEG 2000 and WebP, all measured in this run, and of the figures that the
repository of CompressAI publishes.
"""

if __name__ == 'compression':
  # JAX tries to import the standard module `compression` of Python 3.14. While
  # a script of this folder runs, that name finds this file instead.
  raise ImportError('benchmarks/compression.py is a script')

import pathlib
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder import codec
from autoencoder import data as data_lib
from autoencoder.evaluation import bd_rate
from benchmarks import common

WORKDIR = common.RUNS / 'compression'

# Bits per pixel of the table's columns.
RATES = (0.25, 0.5, 1.0)
REPEATS = 10


def main() -> None:
  parser = common.make_parser(__doc__, results='compression')
  common.add_data(parser, 'the folders BSD400 and Kodak24')
  common.add_steps(parser)
  options = parser.parse_args()
  data = options.data
  common.require_folders(parser, data, ['BSD400', 'Kodak24'])
  common.launch(
    '--config=experiments/compression.py:benchmark',
    f'--workdir={WORKDIR}',
    f'--config.data.source=folder:{data / "BSD400"}',
    f'--config.data.test_source=folder:{data / "Kodak24"}',
    *([f'--config.train.steps={options.steps}'] if options.steps else []),
  )
  measured = common.evaluate(WORKDIR, f'folder:{data / "Kodak24"}')
  kept = ('step', 'parameters', 'training_seconds', 'commit', 'machine')
  result = {key: measured[key] for key in kept} | {
    'command': 'python benchmarks/compression.py --data=DATA'
    + (f' --steps={options.steps}' if options.steps else ''),
    'data': 'Kodak24, means over 24 images at each setting',
    'bd_rate_percent': measured['bd_rate_percent'],
    'bd_rate_psnr': measured['bd_rate_psnr'],
    'equal_size': measured['mean'],
    'seconds_768x512': time_codec(data),
    'curves': measured['curves'],
  }
  common.write_json(options.output, result)
  print(table(result))


def time_codec(data: pathlib.Path) -> dict[str, dict[str, float]]:
  """Returns the shortest time of each part for one photo, by quality.

  Compilation is not included.
  """
  model = codec.load(WORKDIR)
  kodak = data_lib.open_source(f'folder:{data / "Kodak24"}', 'test', channels=3)
  image = kodak[0]['image']
  return {
    f'quality {quality}': time_parts(model, image, quality)
    for quality in (1, 5, model.code.qualities)
  }


def time_parts(model, image: np.ndarray, quality: int) -> dict[str, float]:
  """Returns the shortest time of each part in seconds."""
  file = codec.compress(model, image, quality=quality)
  y = model.analyse(image)
  z = model.hyper_analyse(y)
  streams, _ = model.code.encode(y, z, quality)
  parts = {
    'encode': lambda: codec.compress(model, image, quality=quality),
    'decode': lambda: codec.decompress(model, file),
    'entropy_encode': lambda: model.code.encode(y, z, quality),
    'entropy_decode': lambda: model.code.decode(streams, *y.shape[:2], quality),
  }
  return {name: round(least_seconds(part), 4) for name, part in parts.items()}


def least_seconds(function) -> float:
  """Returns the shortest time of several calls, after one that compiles."""
  function()
  durations = []
  for _ in range(REPEATS):
    start = time.perf_counter()
    function()
    durations.append(time.perf_counter() - start)
  return min(durations)


def table(result: dict) -> str:
  """Returns a Markdown table of PSNR at fixed rates and of BD-rates."""
  least, most = result['bd_rate_psnr']
  lines = [
    f'| Kodak24, PSNR in dB | {" | ".join(f"{r} bpp" for r in RATES)} | '
    f'BD-rate against JPEG, {least:.1f} to {most:.1f} dB |',
    '|:--' + '|--:' * (len(RATES) + 1) + '|',
  ]
  for name, points in result['curves'].items():
    pairs = [(point['bpp'], point['psnr']) for point in points]
    shown = f'**{name}**' if name == 'model' else name
    lines.append(row(shown, pairs, result['bd_rate_percent'][name]))
  published = common.read_json('published_compression.json')
  jpeg = published['codecs']['JPEG']
  for name, pairs in published['codecs'].items():
    delta = bd_rate.bd_rate(jpeg, pairs, qualities=result['bd_rate_psnr'])
    lines.append(row(f'{name}, published', pairs, delta))
  return '\n'.join(lines)


def row(name: str, pairs: list, delta: float | None) -> str:
  """Returns the table's row of a codec.

  Args:
    name: of the codec.
    pairs: bits per pixel and PSNR of each setting.
    delta: BD-rate in percent.
  """
  cells = [bd_rate.quality_at(pairs, rate) for rate in RATES]
  cells = [f'{psnr:.2f}' if psnr == psnr else '' for psnr in cells]
  cells.append('' if delta is None else f'{delta:+.1f} %')
  return f'| {name} | {" | ".join(cells)} |'


if __name__ == '__main__':
  main()
