"""Trains the codec on BSD400 and measures its files on Kodak24.

    python benchmarks/compression.py --data=DATA [--steps=N]

DATA holds the folders BSD400 and Kodak24. The run lives in
runs/benchmarks/compression: one that was stopped goes on, one that is complete
is only measured; `--steps` makes it shorter, or continues it. Writes
benchmarks/results/compression.json and prints a table of ours, JPEG, JPEG 2000
and WebP, measured in this run, beside what CompressAI's repository holds.
"""

if __name__ == 'compression':
  # JAX looks for the module of Python 3.14, and a script in this folder would
  # make it find this file.
  raise ImportError('benchmarks/compression.py is a script')

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / 'benchmarks' / 'results' / 'compression.json'
PUBLISHED = ROOT / 'benchmarks' / 'published_compression.json'
WORKDIR = ROOT / 'runs' / 'benchmarks' / 'compression'
sys.path.insert(0, str(ROOT))

from autoencoder import codec  # noqa: E402
from autoencoder import data as data_lib  # noqa: E402
from autoencoder.evaluation import bd_rate  # noqa: E402

# Bits per pixel of the table's columns.
RATES = (0.25, 0.5, 1.0)
REPEATS = 10


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--data', type=pathlib.Path, required=True)
  parser.add_argument('--steps', type=int, help="instead of the recipe's")
  parser.add_argument('--output', type=pathlib.Path, default=RESULTS)
  options = parser.parse_args()
  data = options.data.resolve()
  launch(
    '--config=experiments/compression.py:benchmark',
    f'--workdir={WORKDIR}',
    f'--config.data.source=folder:{data / "BSD400"}',
    f'--config.data.test_source=folder:{data / "Kodak24"}',
    *([f'--config.train.steps={options.steps}'] if options.steps else []),
  )
  with tempfile.TemporaryDirectory() as output:
    launch(
      '--mode=evaluate',
      f'--workdir={WORKDIR}',
      f'--data=folder:{data / "Kodak24"}',
      f'--output={output}',
    )
    measured = json.loads((pathlib.Path(output) / 'Kodak24.json').read_text())
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
  options.output.write_text(json.dumps(result, indent=2) + '\n')
  print(table(result))


def launch(*arguments: str) -> None:
  command = [sys.executable, 'launch.py', *arguments]
  subprocess.run(command, check=True, cwd=ROOT)


def time_codec(data: pathlib.Path) -> dict[str, dict[str, float]]:
  """Returns the least seconds of each part on one photo, after compilation."""
  model = codec.load(WORKDIR)
  kodak = data_lib.open_source(f'folder:{data / "Kodak24"}', 'test', channels=3)
  image = kodak[0]['image']
  return {
    f'quality {quality}': time_parts(model, image, quality)
    for quality in (1, 5, model.code.qualities)
  }


def time_parts(model, image: np.ndarray, quality: int) -> dict[str, float]:
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
  function()
  durations = []
  for _ in range(REPEATS):
    start = time.perf_counter()
    function()
    durations.append(time.perf_counter() - start)
  return min(durations)


def table(result: dict) -> str:
  """Returns a Markdown table: PSNR at fixed rates, and BD-rates."""
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
  published = json.loads(PUBLISHED.read_text())
  jpeg = published['codecs']['JPEG']
  for name, pairs in published['codecs'].items():
    delta = bd_rate.bd_rate(jpeg, pairs, qualities=result['bd_rate_psnr'])
    lines.append(row(f'{name}, published', pairs, delta))
  return '\n'.join(lines)


def row(name: str, pairs: list, delta: float | None) -> str:
  cells = [bd_rate.quality_at(pairs, rate) for rate in RATES]
  cells = [f'{psnr:.2f}' if psnr == psnr else '' for psnr in cells]
  cells.append('' if delta is None else f'{delta:+.1f} %')
  return f'| {name} | {" | ".join(cells)} |'


if __name__ == '__main__':
  main()
