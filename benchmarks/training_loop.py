"""Times the training loop against its compiled step alone, and the start-up.

    python benchmarks/training_loop.py

Uses the default model of experiments/denoising.py. A run through
`autoencoder.training.loop`, with data, logging, held-out measurements and
checkpoints, alternates with the compiled step repeated on one batch. The
start-up is timed twice: with an empty compilation cache, and with the cache
that the first start filled. Writes `benchmarks/results/training_loop.json`.
"""

import argparse
import dataclasses
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import common


def main() -> None:
  parser = common.make_parser(__doc__, results='training_loop')
  parser.add_argument(
    '--steps', type=int, default=500, help='steps per turn. Default: 500'
  )
  parser.add_argument(
    '--turns', type=int, default=3, help='turns of each. Default: 3'
  )
  parser.add_argument('--startup', action='store_true', help=argparse.SUPPRESS)
  options = parser.parse_args()
  if options.startup:
    print(json.dumps(measure_startup()))
    return
  with tempfile.TemporaryDirectory() as cache:
    startup = {name: in_new_process(cache) for name in ('cold', 'warm')}
  from autoencoder.runs import provenance

  result = {
    'startup_seconds': startup,
    'throughput': measure_throughput(options.steps, options.turns),
    **provenance.describe(),
  }
  print(as_text(result))
  common.write_json(options.output, result)


def in_new_process(cache: str) -> dict[str, float]:
  """Returns `measure_startup()` of a new process with this cache folder."""
  started = time.time()
  process = subprocess.run(
    [sys.executable, __file__, '--startup'],
    env=os.environ | {'XDG_CACHE_HOME': cache, 'STARTED': str(started)},
    capture_output=True,
    text=True,
    check=True,
  )
  return json.loads(process.stdout.splitlines()[-1])


def measure_startup() -> dict[str, float]:
  """Returns the seconds that each part of the start-up takes, in order."""
  seconds, mark = {}, float(os.environ['STARTED'])

  def lap(name):
    nonlocal mark
    now = time.time()
    seconds[name], mark = round(now - mark, 2), now

  from autoencoder import data
  from autoencoder.runs import experiment as experiment_lib
  from autoencoder.runtime import compilation_cache
  from autoencoder.training import loop  # noqa: F401
  from autoencoder.training import setup

  compilation_cache.enable()
  lap('import')
  module = experiment_lib.load(ROOT / 'experiments' / 'denoising.py')
  config = module.get_config()
  data.open_source(config.data.source, 'train', channels=3)
  lap('prepare or open data')
  training = setup.set_up(config, module.TASK)
  lap('read data, build model')
  state = step_once(training, training.state)
  lap('compile step, first step')
  float(next(iter(training.measure(state).values())))
  lap('compile held-out measurement')
  seconds['total'] = round(sum(seconds.values()), 2)
  return seconds


def step_once(training, state):
  """Returns the state after one step on the first batch."""
  batch = training.executor.put(next(training.batches.iterate(0)))
  state, metrics = training.executor.step(
    state, batch, training.key, training.pool
  )
  metrics['loss'].block_until_ready()
  return state


def measure_throughput(steps: int, turns: int) -> dict[str, object]:
  """Returns images per second of the loop and of the step alone, by turn."""
  import jax
  import jax.numpy as jnp
  import numpy as np

  from autoencoder.runs import experiment as experiment_lib
  from autoencoder.runtime import compilation_cache
  from autoencoder.runtime import processors
  from autoencoder.training import loop
  from autoencoder.training import setup

  compilation_cache.enable()
  module = experiment_lib.load(ROOT / 'experiments' / 'denoising.py')
  config = module.get_config()
  config.train.steps = steps
  processors.use_eigen()
  processors.keep_freed_memory()  # As launch.py does.
  processors.share(config.train.batch_size)
  training = setup.set_up(config, module.TASK)
  initial = jax.tree.map(np.asarray, training.state)

  def fresh():
    return training.executor.replicate(jax.tree.map(jnp.array, initial))

  def bare():
    state = fresh()
    batch = training.executor.put(next(training.batches.iterate(0)))
    started = time.perf_counter()
    before = None
    for _ in itertools.repeat(None, steps):
      state, metrics = training.executor.step(
        state, batch, training.key, training.pool
      )
      jax.block_until_ready(before)  # Queue one step ahead, like the loop.
      before = metrics
    jax.block_until_ready(before)
    return time.perf_counter() - started

  def whole():
    with tempfile.TemporaryDirectory() as folder:
      ready = dataclasses.replace(training, state=fresh())
      started = time.perf_counter()
      loop.train(ready, folder)
      return time.perf_counter() - started

  # Compile the step and the measurement before timing.
  training.measure(step_once(training, fresh()))
  pairs = [(bare(), whole()) for _ in range(turns)]
  images = steps * config.train.batch_size
  return {
    'steps': steps,
    'batch_size': config.train.batch_size,
    'bare_images_per_second': [images / b for b, _ in pairs],
    'loop_images_per_second': [images / w for _, w in pairs],
    'loop_share_of_bare': float(np.median([b / w for b, w in pairs])),
  }


def as_text(result) -> str:
  """Returns the result as lines to print."""
  lines = ['start-up, seconds                 empty cache   filled cache']
  cold, warm = (result['startup_seconds'][name] for name in ('cold', 'warm'))
  lines += [f'  {name:32}{cold[name]:10.2f}{warm[name]:15.2f}' for name in cold]
  throughput = result['throughput']
  for name in ('bare', 'loop'):
    rates = throughput[f'{name}_images_per_second']
    lines.append(
      f'{name}: ' + ', '.join(f'{rate:.0f}' for rate in rates) + ' images/s'
    )
  share = throughput['loop_share_of_bare']
  lines.append(f'loop / step alone, median of turns: {share:.3f}')
  return '\n'.join(lines)


if __name__ == '__main__':
  main()
