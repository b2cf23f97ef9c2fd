"""The command line in processes of its own: mistakes, and a whole run."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
from PIL import Image
import pytest

import autoencoder
from autoencoder import processors

ROOT = pathlib.Path(__file__).parent.parent
DENOISING = '--config=experiments/denoising.py'


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
  return tmp_path_factory.mktemp('cache')


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
  folder = tmp_path_factory.mktemp('photos')
  rng = np.random.default_rng(0)
  for split, count in (('train', 4), ('test', 2)):
    (folder / split).mkdir()
    for i in range(count):
      coarse = Image.fromarray(rng.integers(0, 256, (6, 7, 3), np.uint8))
      coarse.resize((41 + i, 35), 2).save(folder / split / f'{i}.png')
  return folder


@pytest.fixture(scope='module')
def launch(cache):
  """Returns a function that starts launch.py, and waits unless told not to."""

  def start(*arguments, wait=True, cwd=ROOT):
    process = subprocess.Popen(
      [sys.executable, str(ROOT / 'launch.py'), *map(str, arguments)],
      cwd=cwd,
      env=os.environ | {'XDG_CACHE_HOME': str(cache)},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    if not wait:
      return process
    out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(
      process.args, process.returncode, out, err
    )

  return start


def tiny(photos, steps=8):
  return [
    DENOISING,
    f'--config.data.source=folder:{photos}',
    '--config.data.crop=16',
    '--config.model.widths=4,6',
    '--config.model.latent_channels=4',
    '--config.train.batch_size=4',
    '--config.train.log_every=2',
    '--config.train.evaluate_every=4',
    '--config.train.checkpoint_every=2',
    f'--config.train.steps={steps}',
  ]


@pytest.fixture(scope='module')
def run(launch, photos, tmp_path_factory):
  """A finished run."""
  workdir = tmp_path_factory.mktemp('runs') / 'denoising'
  result = launch(*tiny(photos), f'--workdir={workdir}')
  assert result.returncode == 0, result.stderr
  return workdir, result


# One process each is slow; the order of reading flags is what is tested here,
# the wording of each check is tested where it is made.
@pytest.mark.parametrize(
  'arguments, words',
  [
    ([], 'experiments/denoising.py'),
    (['--mode=trian'], '<train|evaluate|inspect|apply|compress|decompress>'),
    (['--wrkdir=x'], 'Did you mean: workdir'),
    (['--config=experiments/denoisng.py'], 'mean experiments/denoising.py'),
    (['--config=experiments/denoising.py:gray'], ':grey, :blind, '),
    ([DENOISING, '--config.steps=3'], 'did you mean train.steps?'),
    ([DENOISING, '--config.train.steps=1e3'], 'takes a whole number'),
    ([DENOISING, '--config.model.widths=a'], 'model.widths takes tuple'),
    ([DENOISING, '--config.blind=5'], 'blind'),
    (['--mode=apply', '--workdir=nowhere'], 'There is no run in nowhere'),
    (['--mode=evaluate', '--config.sigma=1'], 'needs --config'),
    ([DENOISING, '--workdir=a:b'], "cannot hold ':'"),
  ],
  ids=lambda value: ' '.join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line_and_code_2(launch, arguments, words):
  result = launch(*arguments)
  assert result.returncode == 2
  assert words in result.stderr
  assert len(result.stderr.strip().splitlines()) == 1
  assert result.stderr.startswith('Error: ')


def test_help_explains_every_flag(launch):
  shown = launch('--help').stdout
  for flag in ('config', 'mode', 'workdir', 'data', 'input', 'output'):
    assert f'--{flag}' in shown or f'--[no]{flag}' in shown
  assert 'experiments/denoising.py' in shown


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
  """Cores that can share a batch."""
  return max(d for d in range(1, processors.cores() + 1) if batch_size % d == 0)


def test_other_held_out_images_are_measured_without_more_steps(
  launch, photos, run, tmp_path
):
  shutil.copytree(run[0], tmp_path / 'run')
  flags = [*tiny(photos), f'--config.data.test_source=folder:{photos}/train']
  result = launch(*flags, f'--workdir={tmp_path / "run"}')
  assert result.returncode == 0, result.stderr
  assert (tmp_path / 'run' / 'evaluation' / 'train.json').exists()
  assert 'complete' in launch(*flags, f'--workdir={tmp_path / "run"}').stdout


def test_a_second_run_says_it_is_complete(launch, photos, run):
  workdir, _ = run
  before = (workdir / 'report.html').stat().st_mtime_ns
  result = launch(*tiny(photos), f'--workdir={workdir}')
  assert result.returncode == 0
  assert 'complete' in result.stdout
  assert str(workdir / 'report.html') in result.stdout
  assert (workdir / 'report.html').stat().st_mtime_ns == before


def test_other_options_for_the_same_workdir_are_refused(launch, photos, run):
  result = launch(
    *tiny(photos), '--config.sigma=50', f'--workdir={run[0]}'
  )
  assert result.returncode == 2
  assert 'sigma (run: 25.0, asked: 50.0)' in result.stderr


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
  # Noise of sigma 50, not clipped, has this PSNR.
  assert abs(numbers['mean']['input']['psnr'] - 14.15) < 0.2


def test_apply_restores_a_folder_of_pictures(launch, photos, run, tmp_path):
  arguments = [
    '--mode=apply',
    f'--workdir={run[0]}',
    f'--input={photos / "test"}',
    f'--output={tmp_path / "out"}',
  ]
  result = launch(*arguments)
  assert result.returncode == 0, result.stderr
  model = autoencoder.load(run[0])
  for path in sorted((photos / 'test').iterdir()):
    image = np.asarray(Image.open(path))[None] / np.float32(255)
    expected = np.clip(np.asarray(model(image))[0], 0, 1) * 255
    written = np.asarray(Image.open(tmp_path / 'out' / path.name))
    assert np.abs(written - expected).max() < 0.51
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


def test_a_killed_run_equals_an_uninterrupted_one(launch, photos, tmp_path):
  whole = tmp_path / 'whole'
  assert launch(*tiny(photos, 40), f'--workdir={whole}').returncode == 0
  parts = tmp_path / 'parts'
  for marks in (4, 20):
    process = launch(*tiny(photos, 40), f'--workdir={parts}', wait=False)
    _wait_for_step(process, parts / 'metrics.jsonl', marks)
    process.send_signal(signal.SIGKILL)
    process.communicate()
  ended = launch(*tiny(photos, 40), f'--workdir={parts}')
  assert ended.returncode == 0
  # Otherwise starting over would do as well.
  assert 'Continuing from the checkpoint of step' in ended.stdout
  for a, b in zip(_leaves(whole), _leaves(parts), strict=True):
    np.testing.assert_array_equal(a, b)


def _wait_for_step(process, path, step):
  """Waits until the run has logged `step`; it must not have ended by then."""
  deadline = time.monotonic() + 120
  while time.monotonic() < deadline:
    assert process.poll() is None, process.communicate()
    lines = path.read_text().splitlines() if path.exists() else []
    if any(f'"step": {n},' in line for line in lines for n in range(step, 40)):
      return
    time.sleep(0.002)
  raise TimeoutError


def _leaves(workdir):
  from flax import nnx
  import jax

  return jax.tree.leaves(nnx.as_pure(nnx.state(autoencoder.load(workdir))))


def test_the_experiment_in_the_readme_runs(launch, photos, tmp_path):
  blocks = (ROOT / 'README.md').read_text().split('```python\n')[1:]
  (code,) = [b.split('```')[0] for b in blocks if 'TASK = ' in b]
  (tmp_path / 'dehazing.py').write_text(code)
  flags = tiny(photos)[1:] + [f'--workdir={tmp_path / "run"}']
  result = launch(f'--config={tmp_path / "dehazing.py"}', *flags)
  assert result.returncode == 0, result.stderr
  # Continued from the run's own copy, it keeps its name.
  launch(f'--workdir={tmp_path / "run"}', '--config.train.steps=10')
  record = json.loads((tmp_path / 'run' / 'config.json').read_text())
  assert record['experiment'].endswith('dehazing.py')
  assert record['reported'] == 10


def test_a_grey_model_is_reported_too(launch, photos, tmp_path):
  (photos / 'train' / '0.bad.png').write_bytes(b'no picture')
  flags = tiny(photos)[1:] + [f'--workdir={tmp_path}']
  result = launch(f'{DENOISING}:grey', *flags)
  (photos / 'train' / '0.bad.png').unlink()
  assert result.returncode == 0, result.stderr
  assert '0.bad.png' in result.stdout
  assert (tmp_path / 'report.html').exists()


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
    (['--mode=evaluate', f'{DENOISING}:grey'], 'experiments/denoising.py: l'),
  ],
)
def test_what_means_nothing_to_a_trained_run_is_refused(
  launch, run, arguments, words
):
  result = launch(f'--workdir={run[0]}', *arguments)
  assert result.returncode == 2
  assert words in result.stderr


def test_what_a_model_is_made_of_cannot_be_changed_later(launch, tmp_path):
  result = launch(
    '--mode=evaluate', '--workdir=pretrained:compression',
    f'--output={tmp_path}', '--config.codec.prior=factorized',
  )  # fmt: skip
  assert result.returncode == 2
  assert 'codec.prior belongs to training' in result.stderr


@pytest.mark.parametrize(
  'change, arguments, words',
  [
    (('', ''), ['--config.sigma=inf'], 'sigma=inf'),
    (('config_lib.variant', 'config_lib.varint'), [], 'mine.py, line 5'),
    (('import jax\n', 'import jax\nopen("x")\n'), [], 'be loaded: [Err'),
  ],
)
def test_a_mistake_in_an_experiment_elsewhere_is_one_line(
  launch, tmp_path, change, arguments, words
):
  source = (ROOT / 'experiments' / 'denoising.py').read_text()
  (tmp_path / 'mine.py').write_text(source.replace(*change, 1))
  result = launch(f'--config={tmp_path / "mine.py"}', *arguments)
  assert result.returncode == 2
  assert len(result.stderr.strip().splitlines()) == 1
  assert words in result.stderr


def test_sigterm_saves_and_says_how_to_go_on(launch, photos, tmp_path):
  process = launch(*tiny(photos, 4000), f'--workdir={tmp_path}', wait=False)
  _wait_for_step(process, tmp_path / 'metrics.jsonl', 4)
  process.send_signal(signal.SIGTERM)
  out, err = process.communicate(timeout=60)
  assert process.returncode == 128 + signal.SIGTERM
  assert 'Stopped by SIGTERM after step' in out
  assert 'Traceback' not in err
  saved = int(out.split('after step ')[1].split(',')[0].replace(',', ''))
  assert (tmp_path / 'checkpoints' / str(saved)).is_dir()
