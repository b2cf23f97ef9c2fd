"""Experiment files: executed once, and what happens if they are wrong."""

import json
import pathlib

import pytest

from autoencoder import errors
from autoencoder.cli import guard
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import workdir as workdir_lib

ROOT = pathlib.Path(__file__).parents[2]
DENOISING = ROOT / 'experiments' / 'denoising.py'


@pytest.fixture
def mine(tmp_path):
  """`mine(old, new)`: a copy of the denoising experiment with one change."""

  def mine(old='', new=''):
    source = DENOISING.read_text()
    assert old in source
    path = tmp_path / 'mine.py'
    path.write_text(source.replace(old, new, 1))
    return path

  return mine


def test_an_experiment_file_is_executed_once_a_command(
  launch, mine, tiny, photos, tmp_path
):
  log = tmp_path / 'log'
  counted = f'with open({str(log)!r}, "a") as f:\n  f.write("x")\nimport jax\n'
  path, run = mine('import jax\n', counted), tmp_path / 'run'

  def count(*arguments):
    log.write_text('')
    result = launch(*arguments)
    assert result.returncode in (0, 2), result.stderr
    return len(log.read_text())

  flags = [f'--config={path}', *tiny(2)[1:], f'--workdir={run}']
  assert count(*flags) == 1
  assert count(*flags) == 1  # The run is complete.
  assert count(f'--workdir={run}', '--config.evaluation.max_images=1') == 1
  pictures = f'--input={photos}', f'--output={tmp_path / "out"}'
  assert count('--mode=apply', f'--workdir={run}', *pictures) == 1
  assert count(f'--config={path}', '--config.stps=3') == 1  # A mistake.


def test_a_value_error_of_get_config_names_its_line(mine):
  path = mine(
    "def get_config(variant=''):\n",
    "def get_config(variant=''):\n  raise ValueError('Too dark.')\n",
  )
  module = experiment_lib.load(path)
  line = path.read_text().split('Too dark')[0].count('\n') + 1
  with pytest.raises(ValueError, match=rf'Too dark \(.*mine.py, line {line}\)'):
    experiment_lib.get_config(module, None)


def test_a_value_error_of_validate_is_one_line_that_names_its_line(
  launch, mine
):
  path = mine(
    'super().validate()\n',
    "super().validate()\n    raise ValueError('Dull.')\n",
  )
  line = path.read_text().split('Dull')[0].count('\n') + 1
  result = launch(f'--config={path}')
  assert result.returncode == 2
  assert result.stderr == f'Error: Dull ({path}, line {line}).\n'


def test_a_missing_file_that_an_experiment_opens_is_named(mine):
  path = mine('import jax\n', 'import jax\nopen("absent.txt")\n')
  with pytest.raises(ValueError, match=r'absent.txt: No such .*, line \d+\)'):
    experiment_lib.load(path)


def test_a_defect_keeps_its_traceback_below_one_line(launch, mine):
  path = mine('config_lib.variant', 'config_lib.varint')
  result = launch(f'--config={path}')
  assert result.returncode == 1
  first, *rest = result.stderr.strip().splitlines()
  assert first == f'Error: {path}: get_config() failed.'
  assert any(line.startswith('Traceback') for line in rest)
  assert 'varint' in rest[-1]


@pytest.mark.parametrize(
  'statement, words',
  [
    ('np.zeros(3).reshape(2, 2)', 'cannot reshape'),  # Raised in C.
    ('np.pad(np.zeros(3), -1)', 'negative'),  # Raised in another file.
    ("int('one')", 'invalid literal'),
  ],
)
def test_a_value_error_of_an_operation_keeps_its_traceback(
  mine, statement, words
):
  path = mine(
    "def get_config(variant=''):\n",
    f"def get_config(variant=''):\n  import numpy as np\n  {statement}\n",
  )
  with pytest.raises(ValueError, match=words) as error:
    experiment_lib.get_config(experiment_lib.load(path), None)
  assert not isinstance(error.value, errors.UserError)
  line = experiment_lib.explanation(error.value)
  assert line == f'{path}: get_config() failed.'


def test_a_value_error_of_the_file_body_keeps_its_traceback(launch, mine):
  path = mine('import jax\n', "import jax\nint('one')\n")
  result = launch(f'--config={path}')
  assert result.returncode == 1
  first, *rest = result.stderr.strip().splitlines()
  assert first == f'Error: {path}: loading the file failed.'
  assert any(line.startswith('Traceback') for line in rest)
  assert 'invalid literal' in rest[-1]


def test_a_failing_task_function_is_named_with_its_arguments(
  launch, mine, tiny, tmp_path
):
  path = mine(
    "image'], config.photon / 255", "image'], config.photon / 255 + (1, 2)"
  )
  flags = [f'--config={path}', *tiny(2)[1:], f'--workdir={tmp_path / "run"}']
  result = launch(*flags)
  assert result.returncode == 1
  (line,) = [
    line for line in result.stderr.splitlines() if line.startswith('Error: ')
  ]
  assert f"{path}: the task's make_example(" in line
  assert "'image': float32[16,16,3]" in line
  assert 'sigma=25.0' in line and 'raised TypeError' in line
  assert 'Traceback' in result.stderr


def test_a_guarded_task_still_computes(mine):
  task = guard.guard(experiment_lib.load(mine()).TASK, 'mine.py')
  config = experiment_lib.load(mine()).get_config()
  assert task.applied(config) == ()
  assert task.out_channels is None


@pytest.mark.parametrize(
  'line',
  [
    'from autoencoder import restoration_of_old',
    'import autoencoder.old_module',
    'from autoencoder.tasks.task import old_name',
    'from autoencoder.tasks import task\nTASK = task.Task(1, 2, 3, 4)',
    'from autoencoder import config\nconfig.old_name()',
  ],
)
def test_a_run_of_an_older_version_says_so(tmp_path, line):
  record = {
    'experiment': 'experiments/denoising.py',
    'argument': None,
    'commit': '0123456789ab+',
    'versions': {'jax': '0.9.1'},
    'config': {},
  }
  (tmp_path / workdir_lib.CONFIG_FILE).write_text(json.dumps(record))
  (tmp_path / workdir_lib.EXPERIMENT_FILE).write_text(f'{line}\n# {tmp_path}')
  with pytest.raises(ValueError) as error:
    workdir_lib.load(tmp_path)
  assert 'another version of this package' in str(error.value)
  assert '0123456789ab' in str(error.value) and 'jax 0.9.1' in str(error.value)
