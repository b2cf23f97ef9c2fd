"""Mistakes on the command line: one line each, before anything is computed."""

import contextlib
import io
import os
import pathlib
import subprocess
import sys

from absl import flags
import pytest

from autoencoder.cli import flags as cli_flags  # noqa: F401  # Defines them.
from autoencoder.cli import interface
from autoencoder.cli import main as main_lib

ROOT = pathlib.Path(__file__).parents[2]
DENOISING = '--config=experiments/denoising.py'
MODES = 'train, evaluate, inspect, apply, compress, decompress'


@pytest.fixture
def ask(monkeypatch):
  """`ask(*arguments)`: exit code, stdout and stderr, in this process.

  Parses and checks the command line as `launch.py` does, up to the mode, which
  prints 'Runs MODE with OVERRIDES' instead of running.
  """

  def run(mode, request):
    print(f'Runs {mode.name} with {request.overrides}')
    return 0

  monkeypatch.setattr(interface.Mode, 'run', run)
  # They change the process.
  monkeypatch.setattr('autoencoder.runtime.processors.use_eigen', lambda: None)
  monkeypatch.setattr(
    'autoencoder.runtime.processors.keep_freed_memory', lambda: None
  )
  monkeypatch.setattr(
    'autoencoder.runtime.processors.share', lambda batch_size: None
  )
  monkeypatch.setattr(
    'autoencoder.runtime.compilation_cache.enable', lambda: None
  )

  def ask(*arguments):
    _forget_flags()
    command = main_lib.CommandLine('Description.')
    out, err, code = io.StringIO(), io.StringIO(), None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
      try:
        command.main(command.parse(['launch.py', *map(str, arguments)]))
      except SystemExit as error:
        code = error.code
    return code, out.getvalue(), err.getvalue()

  yield ask
  _forget_flags()


def _forget_flags():
  """Removes the flags of an experiment, and the values of the others."""
  values = flags.FLAGS
  for name in list(values):
    if name == 'config' or name.startswith('config.'):
      delattr(values, name)
  for name, flag in interface.FLAGS.items():
    if name in values:
      values[name].present, values[name].value = 0, flag.default
  values.unparse_flags()


@pytest.mark.parametrize(
  'arguments, words',
  [
    ([], 'Experiments: experiments/colourisation.py'),
    (['--mode=trian'], f'--mode takes {MODES}; got '),
    (['--mode=trian'], 'Did you mean --mode=train?'),
    (['--wrkdir=x'], 'There is no flag --wrkdir. Did you mean --workdir?'),
    (['--confg=x'], 'There is no flag --confg. Did you mean --config?'),
    (['--xyzzy=x'], 'There is no flag --xyzzy. Add --help'),
    (['--mode=decompress'], '--mode=decompress needs --workdir=PATH'),
    (
      ['--mode=evaluate', '--workdir=pretrained:denoisng'],
      "There is no pretrained model 'denoisng'",
    ),
    (
      ['--mode=train', '--workdir=pretrained:denoising'],
      'comes with the package and is not changed',
    ),
    (
      [DENOISING, '--data=folder:x'],
      'not to --mode=train. Training data is --config.data.source.',
    ),
    (['--config=experiments/denoisng.py'], 'mean experiments/denoising.py'),
    (['--config='], '--config takes an experiment file'),
    (['--config=experiments/denoising.py:gray'], ':grey, :blind, '),
    ([DENOISING, 'wrong'], "'wrong' is not a flag"),
    ([DENOISING, '--config.steps=3'], 'Did you mean train.steps?'),
    ([DENOISING, '--config.model=3'], 'group of options: model.in_channels'),
    ([DENOISING, '--config.train.steps=1e3'], 'takes a whole number (at least'),
    (
      [DENOISING, '--config.model.widths=a'],
      'widths takes whole numbers',
    ),
    ([DENOISING, '--config.model.skips=maybe'], 'takes True or False'),
    ([DENOISING, '--config.data.channels=4'], 'takes 1, 3; got 4'),
    ([DENOISING, '--config.blind=5'], 'blind two sigmas in order'),
    ([DENOISING, '--config.sigma=inf'], 'sigma'),
    # Commas separate words; the second of the two is wrong.
    (
      [
        '--config=experiments/inpainting.py',
        '--config.mask.kinds=strokes,holes',
      ],
      "'centre'; got 'holes'",
    ),
    (['--mode=apply', '--workdir=nowhere'], 'There is no run in nowhere'),
    (['--mode=evaluate', '--config.sigma=1'], 'needs --config'),
    ([DENOISING, '--workdir=a:b'], "cannot contain ':'"),
    ([DENOISING, '--overwrite'], '--overwrite belongs to --mode=apply'),
    ([DENOISING, '--config.evaluation.self_ensemble=1'], '--mode=evaluate.'),
    (
      ['--mode=compress', '--workdir=pretrained:compression', '--quality=x'],
      '--quality takes a whole number',
    ),
    (['--mode=apply', '--workdir=pretrained:x'], 'no pretrained model'),
    (['--mode=evaluate', '--workdir=pretrained:denoising'], '--output=FOLDER'),
  ],
  ids=lambda value: ' '.join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line_and_code_2(ask, arguments, words):
  code, out, err = ask(*arguments)
  assert code == 2
  assert words in err
  assert len(err.strip().splitlines()) == 1
  assert err.startswith('Error: ')
  assert not out


@pytest.mark.parametrize(
  'mode, run, option, words',
  [
    ('evaluate', 'compression', 'codec.prior=factorized', 'with hyperprior'),
    ('evaluate', 'super_resolution', 'model.scale=3', 'was trained with 2'),
    ('evaluate', 'segmentation', 'data.classes=pet', 'classes=pet has 3'),
    ('apply', 'segmentation', 'data.ignore=3', 'or evaluate or inspect'),
    ('apply', 'denoising', 'sigma=50', 'change nothing about --mode=apply'),
    ('apply', 'denoising', 'evaluation.max_images=1', 'change nothing'),
    ('apply', 'denoising', 'evaluation.self_ensemble=1', '--mode=evaluate'),
    ('inspect', 'denoising', 'evaluation.self_ensemble=1', '--mode=evaluate'),
  ],
)
def test_options_without_an_effect_are_refused(
  ask, tmp_path, mode, run, option, words
):
  code, _, err = ask(
    f'--mode={mode}', f'--workdir=pretrained:{run}', f'--output={tmp_path}',
    f'--config.{option}',
  )  # fmt: skip
  assert code == 2
  assert words in err


@pytest.mark.parametrize(
  'arguments, words',
  [
    (
      [DENOISING, '--noconfig.model.skips', '--config.model.widths', '4,6'],
      "train with {'model.skips': False, 'model.widths': (4, 6)}",
    ),
    (
      [
        '--mode=apply',
        '--workdir=pretrained:denoising',
        '--config.evaluation.tile=128',
      ],
      "apply with {'evaluation.tile': 128}",
    ),
  ],
)
def test_options_are_flags(ask, arguments, words):
  code, out, err = ask(*arguments)
  assert code == 0, err
  assert words in out


def test_self_ensemble_needs_a_model_whose_outputs_are_measured(
  launch, tmp_path
):
  result = launch(
    '--mode=evaluate', '--workdir=pretrained:compression',
    f'--output={tmp_path}', '--data=sample_photos',
    '--config.evaluation.self_ensemble=True',
  )  # fmt: skip
  assert result.returncode == 2
  assert 'self_ensemble' in result.stderr


def test_help_explains_every_mode_and_flag(ask):
  code, out, _ = ask('--help')
  assert code == 0
  assert out.startswith('Description.')
  for flag in interface.FLAGS:
    assert f'--{flag}' in out
  for mode in interface.MODES:
    assert f'\n  {mode} ' in out
  assert max(map(len, out.splitlines())) <= 100


def test_help_with_an_experiment_lists_its_options(ask):
  code, out, _ = ask('--config=experiments/inpainting.py:dense', '--help')
  assert code == 0
  assert 'train.steps=' in out and 'Updates in the whole run.' in out
  assert 'mask.rate=0.8' in out and '(in [0, 1])' in out


def test_help_imports_nothing_heavy():
  code = (
    'import sys\n'
    'from autoencoder.cli import flags\n'
    "heavy = {'jax', 'flax', 'numpy', 'orbax', 'PIL'} & set(sys.modules)\n"
    'assert not heavy, heavy\n'
  )
  subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)


def test_the_package_is_a_command_in_any_folder(tmp_path):
  command = [sys.executable, '-m', 'autoencoder', '--mode=apply']
  run = subprocess.run(
    [*command, '--workdir=pretrained:denoising', '--input=a', '--output=b'],
    cwd=tmp_path, env=os.environ | {'PYTHONPATH': str(ROOT)},
    capture_output=True, text=True,
  )  # fmt: skip
  assert run.returncode == 2
  assert run.stderr == 'Error: The input a does not exist.\n'
