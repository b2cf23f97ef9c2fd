"""What launch.py refuses before there is a run."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
DENOISING = '--config=experiments/denoising.py'


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
    (
      [
        DENOISING,
        '--config.data.test_source=folder:nowhere',
        '--workdir=nowhere',
      ],
      '--config.data.test_source=folder:nowhere: nowhere does not exist',
    ),
    # Commas part words; it is the second of the two that is wrong.
    (
      [
        '--config=experiments/inpainting.py',
        '--config.mask.kinds=strokes,holes',
      ],
      'centre; got holes.',
    ),
    (['--mode=apply', '--workdir=nowhere'], 'There is no run in nowhere'),
    (['--mode=evaluate', '--config.sigma=1'], 'needs --config'),
    ([DENOISING, '--workdir=a:b'], "cannot hold ':'"),
    ([DENOISING, '--config.evaluation.self_ensemble=1'], 'not to --mode=train'),
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


def test_the_package_is_a_command_wherever_one_is(tmp_path):
  command = [sys.executable, '-m', 'autoencoder', '--mode=apply']
  run = subprocess.run(
    [*command, '--workdir=pretrained:denoising', '--input=a', '--output=b'],
    cwd=tmp_path, env=os.environ | {'PYTHONPATH': str(ROOT)},
    capture_output=True, text=True,
  )  # fmt: skip
  assert run.returncode == 2
  assert run.stderr == 'Error: The input a does not exist.\n'


@pytest.mark.parametrize(
  'run, option, words',
  [
    ('compression', 'codec.prior=factorized', 'prior belongs to training'),
    ('super_resolution', 'model.scale=3', 'this run was trained with 2'),
    ('segmentation', 'data.classes=pet', 'classes=pet has 3 classes'),
  ],
)
def test_what_a_model_is_made_of_cannot_be_changed_later(
  launch, tmp_path, run, option, words
):
  result = launch(
    '--mode=evaluate', f'--workdir=pretrained:{run}', f'--output={tmp_path}',
    f'--config.{option}',
  )  # fmt: skip
  assert result.returncode == 2
  assert words in result.stderr


ENSEMBLE = 'evaluation.self_ensemble=True'


@pytest.mark.parametrize(
  'mode, run, option, words',
  [
    ('apply', 'denoising', ENSEMBLE, 'belongs to --mode=evaluate'),
    ('evaluate', 'compression', ENSEMBLE, 'measures something else'),
    ('apply', 'segmentation', 'data.ignore=3', 'to --mode=evaluate'),
    ('apply', 'denoising', 'sigma=50', 'change nothing about --mode=apply'),
    ('apply', 'denoising', 'evaluation.max_images=1', 'change nothing'),
  ],
)
def test_measuring_options_where_they_have_no_meaning(
  launch, tmp_path, mode, run, option, words
):
  result = launch(
    f'--mode={mode}', f'--workdir=pretrained:{run}', f'--output={tmp_path}',
    f'--input={tmp_path}' if mode == 'apply' else '--data=sample_photos',
    f'--config.{option}',
  )  # fmt: skip
  assert result.returncode == 2
  assert words in result.stderr


@pytest.mark.parametrize(
  'change, arguments, words',
  [
    (('', ''), ['--config.sigma=inf'], 'sigma=inf'),
    (('config_lib.variant', 'config_lib.varint'), [], 'mine.py, line {}'),
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
  line = source[: source.index(change[0])].count('\n') + 1
  assert words.format(line) in result.stderr
