"""Training runs that end, stop, fail and continue."""

import dataclasses
import json
import os
import shutil
import signal
import types

import jax
import numpy as np
import pytest

from autoencoder.runs import checkpoint as checkpoint_lib
from autoencoder.runs import metrics_log
from autoencoder.training import loop
from autoencoder.training import setup


def final_items(training, workdir):
  with checkpoint_lib.Checkpoints(workdir, read_only=True) as checkpoints:
    return checkpoints.restore(training.state.to_items())


@pytest.fixture(scope='module')
def start(task):
  """Returns `start(config, workdir)`, which compiles each config once."""
  made = {}

  def start(config, workdir):
    name = repr(config)
    if name not in made:
      training = setup.set_up(config, task)
      made[name] = training, jax.device_get(training.state)
    training, state = made[name]
    training = dataclasses.replace(  # Training consumes the state.
      training, state=training.executor.replicate(state)
    )
    return training, loop.train(training, workdir)

  return start


@pytest.fixture(scope='module')
def uninterrupted(start, base, tmp_path_factory):
  """A run's folder, and its last checkpoint."""
  folder = tmp_path_factory.mktemp('whole')
  training, result = start(base, folder)
  assert result.step == 6 and result.signal is None
  return folder, final_items(training, folder)


@pytest.fixture
def whole(uninterrupted, tmp_path):
  """Its last checkpoint, and a copy of its folder to damage."""
  folder, items = uninterrupted
  shutil.copytree(folder, tmp_path / 'whole')
  return items


def assert_equal(restored, expected):
  for a, b in zip(
    jax.tree.leaves(restored.items), jax.tree.leaves(expected.items)
  ):
    np.testing.assert_array_equal(a, b)


def stop_after(monkeypatch, step):
  """Sends this process SIGTERM when the batch of `step` has been drawn."""
  original = setup.data.Batches.iterate

  def iterate(self, start_step=0):
    for i, batch in enumerate(original(self, start_step), start_step + 1):
      if i == step:
        os.kill(os.getpid(), signal.SIGTERM)
      yield batch

  monkeypatch.setattr(setup.data.Batches, 'iterate', iterate)


@pytest.mark.parametrize('resident_mib', [512, 0], ids=['resident', 'streamed'])
def test_sigterm_saves_and_resuming_is_bit_exact(
  start, config, task, tmp_path, monkeypatch, resident_mib
):
  config.data.resident_mib = resident_mib
  training, _ = start(config, tmp_path / 'whole')
  whole = final_items(training, tmp_path / 'whole')
  with monkeypatch.context() as patch:
    stop_after(patch, 3)
    _, result = start(config, tmp_path / 'parts')
  assert result.step == 3 and result.signal == signal.SIGTERM
  # A new set-up, as in another process.
  training = setup.set_up(config, task)
  result = loop.train(training, tmp_path / 'parts')
  assert result.step == 6 and result.signal is None
  assert_equal(final_items(training, tmp_path / 'parts'), whole)


def test_metrics_have_each_step_once(start, config, tmp_path, monkeypatch):
  with monkeypatch.context() as patch:
    stop_after(patch, 3)
    start(config, tmp_path)
  # As if the run had been killed between logging and saving.
  with (tmp_path / metrics_log.FILE_NAME).open('a') as file:
    file.write('{"step": 5, "loss": 1.0}\n{"step": 6, "lo')
  start(config, tmp_path)
  lines = metrics_log.read(tmp_path)
  training = [line['step'] for line in lines if 'loss' in line]
  assert training == [2, 3, 4, 6]
  assert [line['step'] for line in lines if 'test_psnr' in line] == [3, 6]
  assert all(np.isfinite(line['loss']) for line in lines if 'loss' in line)
  assert list((tmp_path / 'tensorboard').glob('events*'))


def test_images_per_second_exclude_measuring(
  config, task, tmp_path, monkeypatch
):
  """Measuring falls between two lines of metrics here."""
  config.train = dataclasses.replace(
    config.train, steps=4, log_every=4, evaluate_every=2, checkpoint_every=4
  )
  training = setup.set_up(config, task)
  now = 0.0

  def measure(state):
    nonlocal now
    now += 1000.0
    return training.measure(state)

  def step(*arguments):
    nonlocal now
    now += 1.0
    return training.executor.step(*arguments)

  clock = types.SimpleNamespace(monotonic=lambda: now)
  monkeypatch.setattr(loop, 'time', clock)
  executor = training.executor._replace(step=step)
  loop.train(
    dataclasses.replace(training, measure=measure, executor=executor), tmp_path
  )
  lines = metrics_log.read(tmp_path)
  rates = [line['images_per_second'] for line in lines if 'loss' in line]
  assert rates == [8.0]  # A step of eight images takes one second.


def test_a_finished_run_does_nothing(start, config, tmp_path, whole):
  training, result = start(config, tmp_path / 'whole')
  assert result.step == 6
  assert_equal(final_items(training, tmp_path / 'whole'), whole)


def test_more_steps_continue_a_finished_run(start, config, tmp_path, whole):
  config.train.steps = 8
  training, result = start(config, tmp_path / 'whole')
  assert result.step == 8
  assert final_items(training, tmp_path / 'whole').step == 8


def newest(folder):
  steps = (folder / checkpoint_lib.FOLDER).iterdir()
  return max(steps, key=lambda path: int(path.name))


# Orbax leaves unfinished reads behind when a read fails.
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
@pytest.mark.parametrize('damage', ['cut', 'flip', 'remove'])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
  start, config, tmp_path, whole, damage, capsys
):
  folder = newest(tmp_path / 'whole')
  assert folder.name == '6'
  # Damage all files of values, because Orbax may read any of them.
  for file in [f for f in folder.rglob('d/*') if f.is_file()]:
    content = file.read_bytes()
    if damage == 'cut':
      file.write_bytes(content[: len(content) // 2])
    elif damage == 'flip':
      file.write_bytes(bytes(byte ^ 1 for byte in content))
    else:
      file.unlink()
  training, result = start(config, tmp_path / 'whole')
  printed = capsys.readouterr().out
  assert 'Checkpoint 6 is damaged' in printed
  assert 'Continuing from the checkpoint of step 4' in printed
  assert_equal(final_items(training, tmp_path / 'whole'), whole)


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_no_good_checkpoint_is_an_error(start, config, tmp_path, whole):
  for folder in (tmp_path / 'whole' / checkpoint_lib.FOLDER).iterdir():
    for file in folder.rglob('*'):
      if file.is_file():
        file.write_bytes(b'')
  with pytest.raises(ValueError, match='None of the checkpoints'):
    start(config, tmp_path / 'whole')


def test_a_folder_that_is_its_own_test_set_gives_a_note(
  config, task, photos, tmp_path
):
  (note,) = setup.set_up(config, task).notes
  assert 'held-out images are the training images' in note
  shutil.copytree(photos, tmp_path / 'others')
  config.data.test_source = f'folder:{tmp_path / "others"}'
  assert setup.set_up(config, task).notes == ()


def test_a_scale_that_does_not_fit_the_task_is_an_error(config, task):
  config.model.scale = 3
  with pytest.raises(ValueError, match=r'model.scale=3 makes \[48, 48\]'):
    setup.set_up(config, task)


def test_only_the_newest_checkpoints_are_kept(start, config, tmp_path):
  config.train.keep = 2
  start(config, tmp_path)
  kept = (tmp_path / checkpoint_lib.FOLDER).iterdir()
  assert sorted(int(folder.name) for folder in kept) == [4, 6]


def test_a_loss_that_is_not_finite_names_step_and_checkpoint(
  start, config, tmp_path
):
  config.train.learning_rate = 1e38
  with pytest.raises(loop.NonFiniteLossError) as error:
    start(config, tmp_path)
  assert 'at step' in str(error.value)
  steps = [int(f.name) for f in (tmp_path / checkpoint_lib.FOLDER).iterdir()]
  at = int(str(error.value).split('at step ')[1].split(';')[0])
  assert all(step < at for step in steps)
  for line in (tmp_path / metrics_log.FILE_NAME).read_text().splitlines():
    assert np.isfinite(json.loads(line).get('loss', 0.0))
