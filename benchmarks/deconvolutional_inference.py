"""Measures inference in a deconvolutional network: denoising and run time.

    python benchmarks/deconvolutional_inference.py --workdir=runs/dn \
        [--data=folder:PHOTOS] [--output=FILE.json]

Uses the filters of the first layer of a trained
`experiments/deconvolutional.py` in two measurements:

1. Denoising by inference alone, compared with classical methods, with BM3D if
   it is installed (`block_matching.py`), and with the package's autoencoder.
2. Whether the paper's continuation is a good start for FISTA at p = 0.8, on the
   central 96 x 96 pixels of the held-out sample photos, normalised in
   brightness and contrast: mean objective and time of the continuation alone,
   of FISTA started from its result, and of FISTA started from zeros.
"""

import dataclasses
import pathlib
import sys
import time

import jax
import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import autoencoder
from autoencoder import data
from autoencoder import evaluation
from autoencoder.evaluation import sparse_denoising
from autoencoder.runs import provenance
from autoencoder.runs import workdir as workdir_lib
from autoencoder.sparse import continuation
from autoencoder.sparse import fista
from autoencoder.sparse import operator
from benchmarks import block_matching
from benchmarks import common

SIDE, POWER, STEPS = 96, 0.8, 100


def main() -> None:
  parser = common.make_parser(__doc__)
  parser.add_argument(
    '--workdir', required=True, help='run of experiments/deconvolutional.py'
  )
  parser.add_argument(
    '--data',
    default='sample_photos',
    help='photos to denoise. Default: the held-out sample photos',
  )
  options = parser.parse_args()
  model = autoencoder.load(options.workdir)
  denoised = measure_denoising(model, options.workdir, options.data)
  print(evaluation.table(denoised))
  seconds = {
    row: float(np.mean([each['seconds'][row] for each in denoised.images]))
    for row in denoised.images[0]['seconds']
  }
  for row, value in seconds.items():
    print(f'{row}: {value:.2f} s per image')
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
    common.write_json(options.output, report)


def measure_denoising(model, workdir: str, name: str) -> evaluation.Results:
  """Returns the measurements of the report, with BM3D as a further baseline."""

  def bm3d(example, config):
    return block_matching.bm3d(example.inputs, config.sigma / 255)

  task = sparse_denoising.make_task()
  task = dataclasses.replace(task, baselines={**task.baselines, 'BM3D': bm3d})
  config = workdir_lib.load(workdir).config.for_evaluation()
  source = data.open_source(name, 'test', channels=1)
  denoise = sparse_denoising.compile_denoiser(model, config)
  return evaluation.evaluate(denoise, task, config, source)


def compare_starts(model) -> dict[str, dict[str, float]]:
  """Returns mean objective and seconds of four ways to infer maps, p = 0.8."""
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
  """Returns the centres of the held-out photos, `[N, 96, 96, 1]` in [0, 1]."""
  squares = []
  for item in data.open_source('sample_photos', 'test', channels=1):
    top, left = ((n - SIDE) // 2 for n in item['image'].shape[:2])
    squares.append(item['image'][top : top + SIDE, left : left + SIDE])
  return np.stack(squares).astype(np.float32) / 255


if __name__ == '__main__':
  main()
