"""Inference of a deconvolutional network: what it removes, what it takes.

    python benchmarks/deconvolutional_inference.py --workdir=runs/dn \
        [--data=folder:PHOTOS] [--output=FILE.json]

Takes the first layer's filters of a trained `experiments/deconvolutional.py`.
Denoising by inference alone stands beside classical methods, BM3D among them
where it is installed (`block_matching.py`), and the package's autoencoder.
Then, on the middles of the held-out sample photos, 96 x 96 pixels, without
light and contrast, what the paper's continuation is worth as a start of FISTA,
for p = 0.8: the mean objective of the continuation alone, of FISTA from there
and of FISTA from zeros, and the time of each.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import time

import jax
import numpy as np

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import autoencoder  # noqa: E402
from autoencoder import data  # noqa: E402
from autoencoder import evaluation  # noqa: E402
from autoencoder.evaluation import decomposition  # noqa: E402
from autoencoder.runs import provenance  # noqa: E402
from autoencoder.runs import workdir as workdir_lib  # noqa: E402
from autoencoder.sparse import continuation  # noqa: E402
from autoencoder.sparse import fista  # noqa: E402
from autoencoder.sparse import operator  # noqa: E402
from benchmarks import block_matching  # noqa: E402

SIDE, POWER, STEPS = 96, 0.8, 100


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--workdir', required=True)
  parser.add_argument('--data', default='sample_photos')
  parser.add_argument('--output', type=pathlib.Path)
  options = parser.parse_args()
  model = autoencoder.load(options.workdir)
  denoised = measure_denoising(model, options.workdir, options.data)
  print(evaluation.table(denoised))
  seconds = {
    row: float(np.mean([each['seconds'][row] for each in denoised.images]))
    for row in denoised.images[0]['seconds']
  }
  for row, value in seconds.items():
    print(f'{row}: {value:.2f} s an image')
  starts = compare_starts(model)
  for name, found in starts.items():
    print(
      f'{name}: objective {found["objective"]:.1f}, {found["seconds"]:.2f} s'
    )
  if options.output:
    report = provenance.describe() | {
      'data': denoised.data,
      'denoising': denoised.mean,
      'seconds': seconds,
      'continuation': starts,
    }
    options.output.write_text(json.dumps(report, indent=2) + '\n')


def measure_denoising(model, workdir: str, name: str) -> evaluation.Results:
  """Returns the table of the report with a row for BM3D."""

  def bm3d(example, config):
    return block_matching.bm3d(example.inputs, config.sigma / 255)

  task = decomposition.denoising_task()
  task = dataclasses.replace(task, baselines={**task.baselines, 'BM3D': bm3d})
  config = workdir_lib.load(workdir).config.for_evaluation()
  source = data.open_source(name, 'test', channels=1)
  denoise = decomposition.compile_denoiser(model, config)
  return evaluation.evaluate(denoise, task, config, source)


def compare_starts(model) -> dict[str, dict[str, float]]:
  """Returns mean objective and seconds of ways to find maps for p = 0.8."""
  weight = model.options.weights[0]
  filters = model.filters(0)
  image = model.normalise(_photos()).image

  def refine(start):
    return fista.infer(
      image, filters, weight, POWER, start=start, iterations=STEPS, tolerance=0
    ).maps

  def begin():
    return continuation.infer(
      image, filters, weight, POWER, stages=max(2, STEPS // 3)
    )

  result = {}
  for name, infer in {
    'continuation alone': begin,
    f'continuation, then {STEPS} steps of FISTA': lambda: refine(begin()),
    f'{STEPS} steps of FISTA from zeros': lambda: refine(None),
    f'the same, {3 * STEPS} steps': lambda: (
      fista.infer(
        image, filters, weight, POWER, iterations=3 * STEPS, tolerance=0
      ).maps
    ),
  }.items():
    compiled = jax.jit(infer)
    jax.block_until_ready(compiled())
    started = time.perf_counter()
    maps = jax.block_until_ready(compiled())
    seconds = time.perf_counter() - started
    residual = image - operator.synthesise(maps, filters)
    value = float(fista.objective(residual, maps, weight, POWER).mean())
    result[name] = {'objective': value, 'seconds': seconds}
  return result


def _photos() -> np.ndarray:
  """Returns the middles of the held-out photos, `[N, 96, 96, 1]` float32."""
  squares = []
  for item in data.open_source('sample_photos', 'test', channels=1):
    top, left = ((n - SIDE) // 2 for n in item['image'].shape[:2])
    squares.append(item['image'][top : top + SIDE, left : left + SIDE])
  return np.stack(squares).astype(np.float32) / 255


if __name__ == '__main__':
  main()
