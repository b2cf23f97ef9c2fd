"""What the paper's continuation is worth as a start of FISTA, for p = 0.8.

    python benchmarks/deconvolutional_inference.py --workdir=runs/dn

Takes the first layer's filters of a trained `experiments/deconvolutional.py`,
and the middles of the held-out sample photos, 96 x 96 pixels, without light and
contrast. Prints the mean objective of the continuation alone, of FISTA from
there and of FISTA from zeros with as many steps, and the time of each.
"""

import argparse
import pathlib
import sys
import time

import jax
import numpy as np

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import autoencoder  # noqa: E402
from autoencoder import data  # noqa: E402
from autoencoder.sparse import continuation  # noqa: E402
from autoencoder.sparse import fista  # noqa: E402
from autoencoder.sparse import operator  # noqa: E402

SIDE, POWER, STEPS = 96, 0.8, 100


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--workdir', required=True)
  model = autoencoder.load(parser.parse_args().workdir)
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

  for name, infer in {
    'continuation alone': begin,
    f'continuation, then {STEPS} steps of FISTA': lambda: refine(begin()),
    f'{STEPS} steps of FISTA from zeros': lambda: refine(None),
    f'the same, {3 * STEPS} steps': lambda: fista.infer(
      image, filters, weight, POWER, iterations=3 * STEPS, tolerance=0
    ).maps,
  }.items():
    compiled = jax.jit(infer)
    jax.block_until_ready(compiled())
    started = time.perf_counter()
    maps = jax.block_until_ready(compiled())
    seconds = time.perf_counter() - started
    residual = image - operator.synthesise(maps, filters)
    value = float(fista.objective(residual, maps, weight, POWER).mean())
    print(f'{name}: objective {value:.1f}, {seconds:.2f} s')


def _photos() -> np.ndarray:
  """Returns the middles of the held-out photos, `[N, 96, 96, 1]` float32."""
  squares = []
  for item in data.open_source('sample_photos', 'test', channels=1):
    top, left = ((n - SIDE) // 2 for n in item['image'].shape[:2])
    squares.append(item['image'][top : top + SIDE, left : left + SIDE])
  return np.stack(squares).astype(np.float32) / 255


if __name__ == '__main__':
  main()
