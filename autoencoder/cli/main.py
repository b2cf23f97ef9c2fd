"""How `launch.py` reads its flags and reports mistakes.

A mistake of the user's ends in one line and exit code 2. It is told from a
defect of ours by where the error was raised: our own `raise ValueError` is
written for the person, one from inside a library keeps its traceback.
"""

from collections.abc import Sequence
import operator
import os
import pathlib
import re
import sys
import warnings

from absl import flags
from absl import logging
from ml_collections import config_flags

from autoencoder.cli import mistakes
from autoencoder.config import options
from autoencoder.runs import packaged
from autoencoder.runs import workdir as workdir_lib

USAGE_ERROR = 2

# The modes that a flag has a meaning in.
_MODES = {
  'data': ('evaluate', 'inspect'),
  'input': ('apply', 'compress', 'decompress'),
  'output': ('evaluate', 'inspect', 'apply', 'compress', 'decompress'),
  'mask': ('apply',),
  'strength': ('apply',),
  'stretch': ('apply',),
  'quality': ('compress',),
  'overwrite': ('apply', 'compress', 'decompress'),
}


# What a trained run has no use for; what else there is, belongs to the task or
# to the measurement.
_TRAINING_OPTIONS = re.compile(
  r'(model|train|codec|sparse)\.|(seed|parallel)$'
  r'|data\.(?!(test_source|classes|ignore)$)'
)
# What says where measured images come from, what their labels mean, and which
# of them are measured and shown.
_MEASURING_OPTIONS = re.compile(
  r'data\.(test_source|ignore)$|evaluation\.(?!(tile|self_ensemble)$)'
)


def parse(argv: list[str]) -> list[str]:
  """Parses flags; a wrong one is one line on standard error and exit code 2.

  Without `--config`, the experiment in `--workdir` stands in for it, so that
  `--config.train.steps=4000` works on a run that exists.
  """
  try:
    # In front: config_flags defines --config.X when it comes to --config.
    argv = argv[:1] + _saved_experiment(argv) + argv[1:]
    remaining = flags.FLAGS(argv)
    if len(remaining) > 1:
      raise ValueError(
        f'{remaining[1]!r} is not a flag; flags look like --workdir=PATH.'
      )
    if flags.FLAGS['config'].present:
      # A missing file is no error to config_flags until something touches it.
      flags.FLAGS.config.train
    return remaining
  except KeyError:
    _exit(mistakes.unknown_option(argv))
  except flags.IllegalFlagValueError as error:
    _exit(mistakes.illegal_value(argv, error))
  except flags.UnrecognizedFlagError as error:
    if error.flagname.startswith('config.'):
      _exit(f'--{error.flagname} needs --config, or the --workdir of a run.')
    _exit(str(error))
  except (flags.Error, ValueError) as error:
    _exit(str(error))
  except (TypeError, AttributeError) as error:  # Of an experiment file.
    _exit(mistakes.bad_experiment(argv, error))
  except OSError as error:  # From config_flags, about a file it cannot load.
    _exit(mistakes.no_experiment(argv, error))


def main(unused_argv: list[str]) -> None:
  """Runs the mode that the flags ask for; its result is the exit code."""
  # After the flags, so that mistakes and --help do not wait for these.
  from autoencoder.cli import modes
  from autoencoder.cli import request as request_lib
  from autoencoder.runtime import compilation_cache
  from autoencoder.runtime import processors

  compilation_cache.enable()
  # At INFO, TFDS, JAX and Orbax each report what nobody asked for.
  logging.set_verbosity(logging.ERROR)
  # Of oddities in files that change no pixel.
  warnings.filterwarnings('ignore', module=r'PIL\.')
  try:
    request = _request(request_lib.Request)
    processors.use_eigen()
    if flags.FLAGS.mode == 'train':  # The others are to stay small.
      processors.keep_freed_memory()
      processors.share(request.config.train.batch_size)
    code = modes.MODES[flags.FLAGS.mode](request)
  except (ValueError, OSError) as error:
    if not mistakes.is_for_the_user(error):
      raise
    if isinstance(error, OSError):
      _exit(f'{error.filename}: {error.strerror}.')
    _exit(str(error))
  sys.exit(code)


def _request(make):
  """Turns the flags into what the modes take."""
  values = flags.FLAGS
  if not values['config'].present:
    if values.workdir is None:
      raise ValueError(
        'Give --config=experiments/NAME.py to train, or --workdir=PATH of a '
        f'run. Experiments: {", ".join(mistakes.experiments()) or "none here"}.'
      )
    # These say what is missing.
    workdir_lib.read_record(packaged.resolve(values.workdir))
    workdir_lib.load_experiment(
      packaged.resolve(values.workdir) / workdir_lib.EXPERIMENT_FILE
    )
  for flag in _MODES:
    given = getattr(values, flag) not in (None, False)
    if given and values.mode not in _MODES[flag]:
      raise ValueError(
        f'--{flag} belongs to --mode={" or ".join(_MODES[flag])}, not to '
        f'--mode={values.mode}. Training data is --config.data.source.'
      )
  overrides = config_flags.get_override_values(values['config'])
  filename = config_flags.get_config_filename(values['config'])
  path, argument = mistakes.split(filename)
  name = pathlib.Path(path).stem + (f'-{argument}' if argument else '')
  workdir = values.workdir or os.path.join('runs', name)
  if packaged.is_pretrained(workdir):
    if values.mode == 'train' or (
      values.mode in ('evaluate', 'inspect') and values.output is None
    ):
      raise ValueError(
        f'--workdir={workdir} comes with the package and stays as it is: use '
        'it with --mode=apply, or with --mode=evaluate or --mode=inspect and '
        '--output=FOLDER.'
      )
    workdir = packaged.resolve(workdir)
  if ':' in str(workdir):  # It would read as the variant in PATH:VARIANT.
    raise ValueError(f"--workdir={workdir}: a run's name cannot hold ':'.")
  saved = pathlib.Path(workdir) / workdir_lib.EXPERIMENT_FILE
  if values.mode == 'train' and pathlib.Path(path).resolve() != saved.resolve():
    module = workdir_lib.load_experiment(path)
    config, task = values.config, module.TASK
  else:
    run = workdir_lib.load(workdir)
    if values.mode != 'train':
      _check_fits(run, path, argument, overrides, values.mode)
    workdir_lib.assign(run.config, overrides)
    config, task = run.config, run.task
  options.split_words(config)
  config.validate()
  if config.evaluation.self_ensemble and values.mode != 'evaluate':
    raise ValueError(
      '--config.evaluation.self_ensemble belongs to --mode=evaluate, which '
      f'keeps its numbers apart, not to --mode={values.mode}.'
    )
  if task.out_channels is not None:
    asked, built = task.out_channels(config), config.model.out_channels
    if built not in (0, asked):
      raise ValueError(
        f'These options take a model that answers with {asked} channels; that '
        f'of the run answers with {built}.'
      )
  return make(
    workdir=pathlib.Path(workdir),
    config=config,
    task=task,
    experiment=path,
    argument=argument,
    overrides=overrides,
    data=values.data,
    input=values.input,
    output=values.output,
    mask=values.mask,
    strength=values.strength,
    stretch=values.stretch,
    quality=values.quality,
    overwrite=values.overwrite,
  )


def _check_fits(run, path, argument, overrides, mode) -> None:
  """Raises `ValueError` for what a trained run cannot be asked any more."""
  name, made_by = pathlib.Path(path).name, run.record['experiment']
  if name != workdir_lib.EXPERIMENT_FILE and (name, argument) != (
    pathlib.Path(made_by).name,
    run.record['argument'],
  ):
    variant = run.record['argument']
    raise ValueError(
      f'The run was trained by {made_by}{f":{variant}" if variant else ""}: '
      f'leave --config={path} out, or give the --workdir of another run.'
    )
  for option in overrides:
    if _TRAINING_OPTIONS.match(option):
      trained = operator.attrgetter(option)(run.config)
      raise ValueError(
        f'--config.{option} belongs to training and would change nothing here: '
        f'this run was trained with {trained}.'
      )
    if mode in _MODES['input'] and _is_idle(option, run):
      raise ValueError(
        f'--config.{option} would change nothing about --mode={mode} of this '
        'run: it belongs to training or to --mode=evaluate.'
      )


def _is_idle(option: str, run) -> bool:
  """Whether an option plays no part in what a run makes of pictures."""
  if _MEASURING_OPTIONS.match(option):
    return True
  if run.task.applied is None:
    return False
  general = 'data.classes', 'evaluation.tile', 'evaluation.self_ensemble'
  return option not in (*general, *run.task.applied(run.config))


def _saved_experiment(argv: Sequence[str]) -> list[str]:
  """Returns a `--config` flag for the run in `--workdir`, if it is needed."""
  workdir = mistakes.flag(argv, 'workdir')
  if workdir is None or mistakes.flag(argv, 'config') is not None:
    return []
  workdir = packaged.resolve(workdir)
  path = workdir / workdir_lib.EXPERIMENT_FILE
  if not (workdir_lib.exists(workdir) and path.is_file()):
    return []
  argument = workdir_lib.read_record(workdir)['argument']
  return [f'--config={path}' + (f':{argument}' if argument else '')]


def _exit(message: str):
  """Ends the process with one line on standard error."""
  line = ' '.join(message.split())
  print(f'Error: {line}', file=sys.stderr)
  sys.exit(USAGE_ERROR)
