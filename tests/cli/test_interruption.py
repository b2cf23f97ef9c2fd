"""Runs that are killed or stopped and then resumed, with a grey model."""

import json
import signal
import time

import numpy as np
import pytest

import autoencoder

STEPS = 40


@pytest.fixture(scope='module')
def grey(tiny, photos):
  """The flags of a grey run; one of its photos cannot be read."""
  bad = photos / 'train' / '0.bad.png'
  bad.write_bytes(b'no picture')
  yield ['--config=experiments/denoising.py:grey', *tiny(STEPS)[1:]]
  bad.unlink()


@pytest.fixture(scope='module')
def whole(launch, grey, tmp_path_factory):
  """The folder of an uninterrupted run, and its output."""
  folder = tmp_path_factory.mktemp('whole')
  return folder, launch(*grey, f'--workdir={folder}')


def test_a_grey_run_has_a_report(whole):
  folder, result = whole
  assert result.returncode == 0, result.stderr
  assert '0.bad.png' in result.stdout
  assert (folder / 'report.html').exists()


def test_a_killed_run_equals_an_uninterrupted_one(
  launch, start, grey, whole, tmp_path
):
  parts = tmp_path / 'parts'
  for marks in (4, 20):
    process = start(*grey, f'--workdir={parts}')
    _wait_for_step(process, parts / 'metrics.jsonl', marks)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
  ended = launch(*grey, f'--workdir={parts}')
  assert ended.returncode == 0
  # A run that started over would end with the same parameters, too.
  assert 'Continuing from the checkpoint of step' in ended.stdout
  for a, b in zip(_leaves(whole[0]), _leaves(parts), strict=True):
    np.testing.assert_array_equal(a, b)


def _wait_for_step(process, path, step):
  """Waits until the run has logged `step`; fails if the run ends earlier."""
  deadline = time.monotonic() + 120
  while time.monotonic() < deadline:
    assert process.poll() is None, process.wait(timeout=60)
    lines = path.read_text().splitlines() if path.exists() else []
    if any(json.loads(line)['step'] >= step for line in lines[:-1]):
      return
    time.sleep(0.002)
  raise TimeoutError


def _leaves(workdir):
  from flax import nnx
  import jax

  return jax.tree.leaves(nnx.as_pure(nnx.state(autoencoder.load(workdir))))


def test_sigterm_saves_and_says_how_to_go_on(start, grey, tmp_path):
  process = start(*grey, f'--workdir={tmp_path}')
  _wait_for_step(process, tmp_path / 'metrics.jsonl', 4)
  process.send_signal(signal.SIGTERM)
  ended = process.wait(timeout=60)
  assert ended.returncode == 128 + signal.SIGTERM
  assert 'Stopped by SIGTERM after step' in ended.stdout
  assert 'Traceback' not in ended.stderr
  saved = ended.stdout.split('after step ')[1].split(', ')[0].replace(',', '')
  assert (tmp_path / 'checkpoints' / saved).is_dir()
