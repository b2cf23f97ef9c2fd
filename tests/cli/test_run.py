"""A whole run, and the commands that use it afterwards."""

import json
import pathlib
import re
import shutil

import numpy as np
from PIL import Image
import pytest

import autoencoder
from autoencoder import inference
from autoencoder.runs import workdir as workdir_lib
from autoencoder.runtime import processors

ROOT = pathlib.Path(__file__).parents[2]
DENOISING = '--config=experiments/denoising.py'


@pytest.fixture(scope='module')
def run(launch_anew, tiny, tmp_path_factory):
  """A finished run."""
  workdir = tmp_path_factory.mktemp('runs') / 'denoising'
  result = launch_anew(*tiny(), f'--workdir={workdir}')
  assert result.returncode == 0, result.stderr
  return workdir, result


def test_a_run_prints_what_it_does_and_leaves_its_files(run):
  workdir, result = run
  for words in (
    'Data: ',
    'parameters',
    f'Devices: {_devices(4)} x cpu',
    'non-local means',
    f'Report: {workdir}/report.html',
  ):
    assert words in result.stdout
  assert 'Traceback' not in result.stderr
  for name in (
    'report.html',
    'config.json',
    'experiment.py',
    'metrics.jsonl',
    'pictures/overview.png',
  ):
    assert (workdir / name).stat().st_size > 0
  (path,) = (workdir / 'evaluation').glob('*.json')
  numbers = json.loads(path.read_text())
  assert list(numbers['mean'])[0] == 'input'
  assert list(numbers['mean'])[-1] == 'model'
  assert numbers['step'] == 8
  assert len(numbers['images']) == 2


def _devices(batch_size):
  """Returns the number of cores that can share a batch."""
  return max(d for d in range(1, processors.cores() + 1) if batch_size % d == 0)


def test_other_held_out_images_are_measured_without_more_steps(
  launch, photos, tiny, run, tmp_path
):
  shutil.copytree(run[0], tmp_path / 'run')
  shutil.copytree(photos / 'train', tmp_path / 'train')
  (tmp_path / 'train' / 'broken.png').write_bytes(b'no picture')
  flags = [*tiny(), f'--config.data.test_source=folder:{tmp_path}/train']
  result = launch(*flags, f'--workdir={tmp_path / "run"}')
  # One image could not be measured: the exit code and the report say so.
  assert result.returncode == 1, result.stderr
  page = (tmp_path / 'run/report.html').read_text()
  assert re.search('Not measured: .*broken.png cannot be read', page)
  numbers = json.loads((tmp_path / 'run/evaluation/train.json').read_text())
  # Nothing was trained, so the command of the training is still the first one.
  first = json.loads((run[0] / 'config.json').read_text())
  assert numbers['training_command'] == first['command'] != numbers['command']
  assert 'complete' in launch(*flags, f'--workdir={tmp_path / "run"}').stdout


def test_a_second_run_says_it_is_complete(launch, tiny, run):
  workdir, _ = run
  before = (workdir / 'report.html').stat().st_mtime_ns
  result = launch(*tiny(), f'--workdir={workdir}')
  assert result.returncode == 0
  assert 'complete' in result.stdout
  assert str(workdir / 'report.html') in result.stdout
  assert (workdir / 'report.html').stat().st_mtime_ns == before


def test_other_options_for_the_same_workdir_are_refused(launch, tiny, run):
  result = launch(*tiny(), '--config.sigma=50', f'--workdir={run[0]}')
  assert result.returncode == 2
  assert 'sigma (run: 25.0, asked: 50.0)' in result.stderr


def test_evaluate_goes_on_after_a_file_that_cannot_be_read(
  launch, photos, run, tmp_path
):
  shutil.copytree(photos / 'train', tmp_path / 'mixed')
  (broken, *others) = sorted((tmp_path / 'mixed').iterdir())
  broken.write_bytes(broken.read_bytes()[:100])
  result = launch(
    '--mode=evaluate',
    f'--workdir={run[0]}',
    f'--data=folder:{tmp_path / "mixed"}',
    f'--output={tmp_path}',
  )
  assert result.returncode == 1
  (line,) = [x for x in result.stderr.splitlines() if x.startswith('error: ')]
  assert broken.name in line
  numbers = json.loads((tmp_path / 'mixed.json').read_text())
  assert len(numbers['images']) == len(others)
  assert numbers['failed'] == [line.removeprefix('error: ')]


def test_evaluate_measures_on_other_data(launch, photos, run, tmp_path):
  result = launch(
    '--mode=evaluate',
    f'--workdir={run[0]}',
    f'--data=folder:{photos / "train"}',
    '--config.sigma=50',
    f'--output={tmp_path}',
  )
  assert result.returncode == 0, result.stderr
  assert 'non-local means' in result.stdout
  numbers = json.loads((tmp_path / 'train-sigma-50.0.json').read_text())
  assert len(numbers['images']) == 4
  assert numbers['config']['sigma'] == 50
  # The PSNR of unclipped noise of sigma 50.
  assert abs(numbers['mean']['input']['psnr'] - 14.15) < 0.2
  page = (tmp_path / 'train-sigma-50.0.html').read_text()
  assert 'non-local means' in page and 'data:image/webp' in page


def test_evaluate_creates_nothing_if_it_cannot_measure(launch, run, tmp_path):
  arguments = '--mode=evaluate', f'--workdir={run[0]}'
  out = tmp_path / 'out'
  result = launch(*arguments, '--data=folder:nowhere', f'--output={out}')
  assert result.returncode == 2
  assert result.stderr.startswith('Error: nowhere does not exist')
  assert not out.exists()
  (out / 'sample_photos.json').mkdir(parents=True)
  result = launch(*arguments, '--data=sample_photos', f'--output={out}')
  assert result.returncode == 2
  assert 'which is a folder' in result.stderr and not result.stdout


def test_apply_restores_a_folder_of_pictures(launch, photos, run, tmp_path):
  arguments = [
    '--mode=apply',
    f'--workdir={run[0]}',
    f'--input={photos / "test"}',
    f'--output={tmp_path / "out"}',
  ]
  result = launch(*arguments)
  assert result.returncode == 0, result.stderr
  loaded = workdir_lib.load(run[0])
  restore = inference.make_photo_restorer(
    autoencoder.load(run[0]), loaded.task, loaded.config
  )
  for path in sorted((photos / 'test').iterdir()):
    expected = restore(np.asarray(Image.open(path))).astype(float)
    written = np.asarray(Image.open(tmp_path / 'out' / path.name))
    # The two are compiled with different optimisation levels.
    assert np.abs(written - expected).max() <= 1
  (tmp_path / 'out' / '0.png').write_bytes(b'mine')
  assert 'skipped' in launch(*arguments).stdout
  assert (tmp_path / 'out' / '0.png').read_bytes() == b'mine'


def test_apply_exits_with_1_when_a_picture_fails(launch, run, tmp_path):
  (tmp_path / 'in').mkdir()
  (tmp_path / 'in' / 'bad.png').write_bytes(b'no picture')
  Image.new('L', (5, 4)).save(tmp_path / 'in' / 'good.png')
  result = launch(
    '--mode=apply',
    f'--workdir={run[0]}',
    f'--input={tmp_path / "in"}',
    f'--output={tmp_path / "out"}',
  )
  assert result.returncode == 1
  assert 'bad.png' in result.stderr
  assert 'Traceback' not in result.stderr
  assert (tmp_path / 'out' / 'good.png').exists()


def test_the_experiment_in_the_readme_runs(launch, tiny, tmp_path):
  blocks = (ROOT / 'README.md').read_text().split('```python\n')[1:]
  (code,) = [b.split('```')[0] for b in blocks if 'TASK = ' in b]
  (tmp_path / 'dehazing.py').write_text(code)
  flags = tiny()[1:] + [f'--workdir={tmp_path / "run"}']
  result = launch(f'--config={tmp_path / "dehazing.py"}', *flags)
  assert result.returncode == 0, result.stderr
  # A run that is continued from its own copy keeps the experiment's name.
  report = tmp_path / 'run' / 'report.html'
  report.unlink()
  launch(f'--workdir={tmp_path / "run"}', '--config.evaluation.max_images=1')
  record = json.loads((tmp_path / 'run' / 'config.json').read_text())
  assert record['experiment'].endswith('dehazing.py')
  assert record['reported'] == 8 and report.exists()


@pytest.mark.parametrize(
  'arguments, words',
  [
    (['--config.train.steps=4'], 'has 8 steps already'),
    (['--overwrite'], '--overwrite belongs to --mode=apply'),
    (['--data=sample_photos'], '--data belongs to --mode=evaluate'),
    (['--mode=apply', '--quality=2'], '--quality belongs to --mode=compress'),
    (['--mode=compress', '--input=.', '--output=x'], 'does not compress'),
    (['--mode=inspect', '--input=.'], '--input belongs to --mode=apply'),
    (['--mode=evaluate', '--config.train.steps=9'], 'change nothing here'),
    (['--mode=evaluate', '--config.data.crop=9'], 'change nothing here'),
    (
      ['--mode=evaluate', '--config=experiments/upsampling.py'],
      'was trained by experiments/denoising.py',
    ),
    (
      ['--mode=evaluate', f'{DENOISING}:grey'],
      'experiments/denoising.py: leave',
    ),
  ],
)
def test_flags_without_a_meaning_for_a_trained_run_are_refused(
  launch, run, arguments, words
):
  result = launch(f'--workdir={run[0]}', *arguments)
  assert result.returncode == 2
  assert words in result.stderr
