"""Run directories: what they record and how they are resumed."""

import dataclasses
import json

import pytest

from autoencoder import config as config_lib
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import workdir as workdir_lib

EXPERIMENT = """
from autoencoder import config
from autoencoder.tasks import task

def get_config(variant=''):
  return config.Config(seed=len(variant))

TASK = task.Task(make_example=None, loss=None, metrics=None, picture=None)
"""


@pytest.fixture
def experiment(tmp_path):
  path = tmp_path / 'mine.py'
  path.write_text(EXPERIMENT)
  return path


def test_a_run_is_read_back_without_its_experiment_file(experiment, tmp_path):
  module = experiment_lib.load(experiment)
  config = experiment_lib.get_config(module, 'abc')
  config.model.widths = (5, 6)
  workdir_lib.save(tmp_path / 'run', experiment, 'abc', config, command='make')
  experiment.unlink()
  run = workdir_lib.load(tmp_path / 'run')
  assert run.config == config
  assert run.config.seed == 3
  assert run.record['command'] == 'make'


def test_records_are_updated(experiment, tmp_path):
  config = config_lib.Config()
  workdir_lib.save(tmp_path, experiment, None, config)
  workdir_lib.update_record(tmp_path, reported=7)
  assert workdir_lib.read_record(tmp_path)['reported'] == 7
  assert workdir_lib.read_record(tmp_path)['config']['seed'] == 0


@pytest.mark.parametrize(
  'name, value, same',
  [
    ('train.steps', 5, True),
    ('parallel', 'pmap', True),
    ('model.widths', (1,), False),
    ('train.learning_rate', 1.0, False),
    ('seed', 1, False),
  ],
)
def test_what_may_change_when_a_run_is_continued(
  experiment, tmp_path, name, value, same
):
  config = config_lib.Config()
  workdir_lib.save(tmp_path, experiment, None, config)
  config_lib.set_field(config, name, value)
  if same:
    checked = workdir_lib.check_continuation(tmp_path, config, experiment)
    assert checked == config
  else:
    with pytest.raises(ValueError, match=rf'{name} \(run: .*asked: '):
      workdir_lib.check_continuation(tmp_path, config, experiment)


def test_channels_left_open_are_taken_from_the_run(experiment, tmp_path):
  config = config_lib.Config()
  saved = dataclasses.replace(config)
  saved.model = dataclasses.replace(config.model, in_channels=4, out_channels=3)
  workdir_lib.save(tmp_path, experiment, None, saved)
  continued = workdir_lib.check_continuation(tmp_path, config, experiment)
  assert continued.model.in_channels == 4
  assert config.model.in_channels == 0


def test_an_option_that_the_run_did_not_have_has_its_default(
  experiment, tmp_path
):
  config = config_lib.Config()
  workdir_lib.save(tmp_path, experiment, None, config)
  record = workdir_lib.read_record(tmp_path)
  del record['config']['model.kernel']
  (tmp_path / workdir_lib.CONFIG_FILE).write_text(json.dumps(record))
  assert workdir_lib.check_continuation(tmp_path, config, experiment) == config
  config.model.kernel = 4
  with pytest.raises(ValueError, match='model.kernel .run: 2, asked: 4'):
    workdir_lib.check_continuation(tmp_path, config, experiment)


def test_a_run_of_another_experiment_is_not_continued(experiment, tmp_path):
  workdir_lib.save(tmp_path, experiment, None, config_lib.Config())
  with pytest.raises(ValueError, match='a run of .*mine.py, not of other.py'):
    workdir_lib.check_continuation(tmp_path, config_lib.Config(), 'other.py')


def test_a_changed_experiment_is_noticed(experiment, tmp_path):
  workdir_lib.save(tmp_path / 'run', experiment, None, config_lib.Config())
  assert not workdir_lib.has_changed(tmp_path / 'run', experiment)
  experiment.write_text(EXPERIMENT + '# Fixed.')
  assert workdir_lib.has_changed(tmp_path / 'run', experiment)


def test_another_config_json_is_not_a_run(tmp_path):
  (tmp_path / workdir_lib.CONFIG_FILE).write_text('{"model_type": "bert"}')
  with pytest.raises(ValueError, match='names no experiment'):
    workdir_lib.load(tmp_path)


def test_runs_of_similar_names_are_suggested(experiment, tmp_path):
  run = tmp_path / 'denoising'
  workdir_lib.save(run, experiment, None, config_lib.Config())
  with pytest.raises(ValueError, match=f'there is {run}'):
    workdir_lib.read_record(tmp_path / 'denoisng')


def test_missing_and_damaged_runs_say_so(tmp_path):
  with pytest.raises(ValueError, match='There is no run in'):
    workdir_lib.load(tmp_path)
  (tmp_path / workdir_lib.CONFIG_FILE).write_text('{"conf')
  with pytest.raises(ValueError, match='is damaged'):
    workdir_lib.load(tmp_path)


def test_an_option_that_no_longer_exists_is_named(experiment, tmp_path):
  workdir_lib.save(tmp_path, experiment, None, config_lib.Config())
  record = workdir_lib.read_record(tmp_path)
  record['config']['train.momentum'] = 0.9
  (tmp_path / workdir_lib.CONFIG_FILE).write_text(json.dumps(record))
  with pytest.raises(ValueError, match='train.momentum'):
    workdir_lib.load(tmp_path)


@pytest.mark.parametrize(
  'text, words',
  [('get_config = None', 'no TASK'), ('TASK = None', 'no get_config')],
)
def test_a_file_that_is_not_an_experiment(tmp_path, text, words):
  path = tmp_path / 'other.py'
  path.write_text(text)
  with pytest.raises(ValueError, match=words):
    experiment_lib.load(path)
