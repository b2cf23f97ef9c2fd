"""Kills a run at random moments and compares it with an uninterrupted one.

    python benchmarks/kill_test.py

Trains a small experiments/denoising.py for 1,500 steps twice: once in one go,
and once killed with SIGKILL five times, each time some random seconds after
its start (during imports, compilation, training, or while a checkpoint is
being written), and started again. The last checkpoints must agree in every
bit. Writes benchmarks/results/kill_test.json.
"""

import argparse
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / 'benchmarks' / 'results' / 'kill_test.json'
sys.path.insert(0, str(ROOT))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--steps', type=int, default=1500)
  parser.add_argument('--kills', type=int, default=5)
  parser.add_argument('--seed', type=int, default=0, help='of the moments')
  parser.add_argument('--output', type=pathlib.Path, default=RESULTS)
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
      # Some end in the start-up; all together do not reach the run's end.
      wait = moments.uniform(0.03, 0.17) * seconds
      try:
        process.wait(timeout=wait)
        print('It ended before it was killed: raise --steps.')
        sys.exit(1)
      except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
      if process.returncode != -signal.SIGKILL:
        sys.exit(f'It ended by itself, with code {process.returncode}.')
      killed_at.append(newest_step(parts))
      print(f'killed after {wait:.1f} s; newest checkpoint: {killed_at[-1]}')
    if not killed_at[-1]:
      sys.exit('It was never killed after a checkpoint: raise --steps.')
    finish(parts, options.steps)
    equal, leaves = compare(whole, parts)
  from autoencoder.runs import provenance

  result = {
    'steps': options.steps,
    'newest_checkpoint_at_each_kill': killed_at,
    'arrays_compared': leaves,
    'equal_bit_for_bit': equal,
    **provenance.describe(),
  }
  print(f'{leaves} arrays equal bit for bit: {equal}')
  options.output.write_text(json.dumps(result, indent=2) + '\n')
  sys.exit(0 if equal else 1)


def start(workdir: pathlib.Path, steps: int) -> subprocess.Popen:
  """Starts (or continues) the run in `workdir`."""
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
  """Runs to the end; a run that fails ends this test."""
  code = start(workdir, steps).wait()
  if code or newest_step(workdir) != steps:
    sys.exit(f'The run in {workdir} failed: code {code}.')


def newest_step(workdir: pathlib.Path) -> int:
  """Returns the newest finished checkpoint of a run; 0 where there is none."""
  folder = workdir / 'checkpoints'
  names = [path.name for path in folder.iterdir()] if folder.exists() else []
  return max((int(name) for name in names if name.isdigit()), default=0)


def compare(one: pathlib.Path, other: pathlib.Path) -> tuple[bool, int]:
  """Returns whether two runs ended with the same bits, and in how many arrays.

  Everything is compared: parameters, their average, optimizer, step.
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
