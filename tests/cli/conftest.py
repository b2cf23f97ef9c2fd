"""Fixtures that start launch.py, and small data to start it on."""

import os
import pathlib
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest

# The processes import `forked` by name.
sys.path.append(str(pathlib.Path(__file__).parent))
import forked  # noqa: E402


@pytest.fixture(scope='session')
def cache(tmp_path_factory):
  """Environment of every process: a folder for compiled programs."""
  return {'XDG_CACHE_HOME': str(tmp_path_factory.mktemp('cache'))}


@pytest.fixture(scope='session')
def photos(tmp_path_factory):
  folder = tmp_path_factory.mktemp('photos')
  rng = np.random.default_rng(0)
  for split, count in (('train', 4), ('test', 2)):
    (folder / split).mkdir()
    for i in range(count):
      coarse = Image.fromarray(rng.integers(0, 256, (6, 7, 3), np.uint8))
      coarse.resize((41 + i, 35), 2).save(folder / split / f'{i}.png')
  return folder


@pytest.fixture(scope='session')
def start(cache, quick_flags, tmp_path_factory):
  """`start(*arguments)`: a `forked.Launched` process of launch.py."""
  started = []

  def start(*arguments):
    started.append(
      forked.start(
        arguments, cache | quick_flags, tmp_path_factory.mktemp('printed')
      )
    )
    return started[-1]

  yield start
  for process in started:
    process.end()


@pytest.fixture(scope='session')
def launch(start):
  """`launch(*arguments)`: runs launch.py to its end."""
  return lambda *arguments: start(*arguments).wait(timeout=300)


@pytest.fixture(scope='session')
def launch_anew(cache):
  """As `launch`, in a new interpreter and with optimised programs."""

  def launch_anew(*arguments):
    return subprocess.run(
      [sys.executable, 'launch.py', *map(str, arguments)],
      cwd=forked.ROOT,
      env=os.environ | cache,
      capture_output=True,
      text=True,
      timeout=300,
    )

  return launch_anew


@pytest.fixture(scope='session')
def tiny(photos):
  """`tiny(steps)`: the flags of a small run."""

  def tiny(steps=8):
    return [
      '--config=experiments/denoising.py',
      f'--config.data.source=folder:{photos}',
      '--config.data.crop=16',
      '--config.model.widths=4,6',
      '--config.model.latent_channels=4',
      '--config.model.blocks=0',
      '--config.train.batch_size=4',
      '--config.train.log_every=2',
      '--config.train.evaluate_every=4',
      '--config.train.checkpoint_every=2',
      f'--config.train.steps={steps}',
    ]

  return tiny
