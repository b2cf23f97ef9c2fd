"""Kills a run at random moments and compares it with an uninterrupted one.

    python benchmarks/kill_test.py

Trains a small experiments/denoising.py for 1,500 steps twice. The first run is
not interrupted. The second one is killed with SIGKILL five times and started
again. Each kill comes a random time after the start: during imports,
compilation, training, or while a checkpoint is being written. The last
checkpoints of both runs must be bit-identical. Writes
`benchmarks/results/kill_test.json`.
"""

import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder.runs import provenance
from benchmarks import common


def main() -> None:
  parser = common.make_parser(__doc__, results='kill_test')
  parser.add_argument(
    '--steps', type=int, default=1500, help='training steps. Default: 1500'
  )
  parser.add_argument(
    '--kills', type=int, default=5, help='number of kills. Default: 5'
  )
  parser.add_argument(
    '--seed', type=int, default=0, help='seed of the random moments. Default: 0'
  )
  options = parser.parse_args()
  moments = random.Random(options.seed)
  with tempfile.TemporaryDirectory() as folder:
    whole, parts = (pathlib.Path(folder) / name for name in ('whole', 'parts'))
    started = time.monotonic()
    finish(whole, options.steps)
    seconds = time.monotonic() - started
    print(f'uninterrupted: {options.steps} steps in {seconds:.0f} s')
    killed_at = []
    while len(killed_at) < options.kills:
      process = start(parts, options.steps)
      # Short enough that some kills come during start-up, and that all waits
      # together do not reach the end of the run.
      wait = moments.uniform(0.03, 0.17) * seconds
      try:
        process.wait(timeout=wait)
        sys.exit('The run ended before it was killed: raise --steps.')
      except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
      if process.returncode != -signal.SIGKILL:
        sys.exit(f'The run ended by itself, with code {process.returncode}.')
      killed_at.append(newest_step(parts))
      print(f'killed after {wait:.1f} s; newest checkpoint: {killed_at[-1]}')
    if not killed_at[-1]:
      sys.exit('No kill came after a checkpoint: raise --steps.')
    finish(parts, options.steps)
    equal, leaves = compare(whole, parts)
  result = {
    'steps': options.steps,
    'newest_checkpoint_at_each_kill': killed_at,
    'arrays_compared': leaves,
    'equal_bit_for_bit': equal,
    **provenance.describe(),
  }
  print(f'{leaves} arrays are bit-identical: {equal}')
  common.write_json(options.output, result)
  sys.exit(0 if equal else 1)


def start(workdir: pathlib.Path, steps: int) -> subprocess.Popen:
  """Starts or continues the run in `workdir`."""
  return subprocess.Popen(
    [
      sys.executable,
      ROOT / 'launch.py',
      f'--config={ROOT / "experiments" / "denoising.py"}',
      f'--workdir={workdir}',
      f'--config.train.steps={steps}',
      '--config.train.checkpoint_every=10',
      '--config.train.evaluate_every=0',
      '--config.evaluation.max_images=1',
      '--config.model.widths=16,32',
    ],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
  )


def finish(workdir: pathlib.Path, steps: int) -> None:
  """Runs to the end; ends this script if the run fails."""
  code = start(workdir, steps).wait()
  if code or newest_step(workdir) != steps:
    sys.exit(f'The run in {workdir} failed: code {code}.')


def newest_step(workdir: pathlib.Path) -> int:
  """Returns the step of the newest finished checkpoint; 0 without one."""
  folder = workdir / 'checkpoints'
  names = [path.name for path in folder.iterdir()] if folder.exists() else []
  return max((int(name) for name in names if name.isdigit()), default=0)


def compare(one: pathlib.Path, other: pathlib.Path) -> tuple[bool, int]:
  """Returns whether two runs end bit-identical, and the number of arrays.

  Compares the parameters, their average, the optimizer state and the step.
  """
  import jax
  import orbax.checkpoint as ocp

  trees = []
  for workdir in (one, other):
    step = newest_step(workdir)
    trees.append(
      [
        ocp.StandardCheckpointer().restore(
          workdir / 'checkpoints' / str(step) / item
        )
        for item in ('model', 'training')
      ]
    )
  first, second = (jax.tree.leaves(tree) for tree in trees)
  equal = len(first) == len(second) and all(
    a.dtype == b.dtype and np.asarray(a).tobytes() == np.asarray(b).tobytes()
    for a, b in zip(first, second)
  )
  return equal, len(first)


if __name__ == '__main__':
  main()
