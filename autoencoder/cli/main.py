"""The body of `launch.py`: parses flags, runs the mode, reports errors.

A `UserError` is printed as one line and ends the process with exit code 2, and
so does an `OSError` about a file. Any other exception is a defect, of ours or
of an experiment file, and keeps its traceback.
"""

from collections.abc import Sequence
import dataclasses
import sys
from typing import NoReturn
import warnings

from absl import flags
from absl import logging
from ml_collections import config_flags

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.cli import chosen as chosen_lib
from autoencoder.cli import help_page
from autoencoder.cli import interface
from autoencoder.cli import mistakes
from autoencoder.runs import experiment as experiment_lib

USAGE_ERROR = 2


class CommandLine:
  """A command line, parsed and run.

  Args:
    description: text at the top of the help page.
  """

  def __init__(self, description: str):
    self._description = description
    self._chosen: chosen_lib.Chosen | None = None
    self._known: dict[str, config_lib.Option] = {}

  def parse(self, argv: list[str]) -> list[str]:
    """Parses the flags, those of the experiment's options among them.

    Prints the help page if it is asked for. Ends the process with one line for
    a wrong flag.
    """
    try:
      argv = flags.FLAGS.read_flags_from_files(argv, force_gnu=False)
      if help_page.is_asked(argv):
        print(help_page.write(self._description, argv))
        sys.exit(0)
      self._chosen = chosen_lib.choose(argv)
      argv = chosen_lib.without_config(argv)
      if self._chosen is not None:
        argv = self._define_options(argv, self._chosen.config)
      remaining = flags.FLAGS(argv)
      if self._chosen is not None:  # absl works on a copy.
        self._chosen = dataclasses.replace(
          self._chosen, config=flags.FLAGS.config
        )
      self._check_flags(remaining)
      return remaining
    except flags.IllegalFlagValueError as error:
      _exit(mistakes.illegal_value(str(error), self._known))
    except flags.UnrecognizedFlagError as error:
      if error.flagname.removeprefix('no').startswith('config.'):
        _exit(f'--{error.flagname} needs --config, or the --workdir of a run.')
      _exit(mistakes.unknown_flag(error.flagname))
    except flags.Error as error:
      _exit(str(error))
    except Exception as error:
      _report(error)
      raise

  def _define_options(
    self, argv: list[str], config: config_lib.Config
  ) -> list[str]:
    """Defines the `--config.X` flags in `argv`, which set `config.X`.

    Returns:
      `argv`, with only the last of each repeated tuple.
    """
    self._known = config_lib.describe(config)
    unknown = mistakes.unknown_option(argv, self._known)
    if unknown is not None:
      raise errors.UserError(unknown)
    tuples = [
      name
      for name, option in self._known.items()
      if isinstance(option.value, tuple)
    ]
    argv = chosen_lib.without_repeated(argv, tuples)
    config_flags.DEFINE_config_dataclass('config', config, sys_argv=argv)
    return argv

  def _check_flags(self, remaining: Sequence[str]) -> None:
    """Raises `UserError` for flags without a meaning."""
    values = flags.FLAGS
    if len(remaining) > 1:
      raise errors.UserError(
        f'{remaining[1]!r} is not a flag; flags look like --workdir=PATH.'
      )
    for flag in interface.FLAGS.values():
      if not flag.modes or values.mode in flag.modes:
        continue
      if values[flag.name].value not in (None, False):
        raise errors.UserError(
          f'--{flag.name} belongs to --mode={" or ".join(flag.modes)}, not to '
          f'--mode={values.mode}. {flag.hint}'.strip()
        )
    if self._chosen is None and not interface.MODES[values.mode].trains:
      raise errors.UserError(
        f'--mode={values.mode} needs --workdir=PATH of a run, or '
        '--workdir=pretrained:NAME for a model of the package.'
      )
    if self._chosen is None:
      raise errors.UserError(
        'Give --config=experiments/NAME.py to train, or --workdir=PATH of a '
        'run. Experiments: '
        f'{", ".join(mistakes.experiments()) or "none here"}. Add --help for '
        'more.'
      )

  def main(self, unused_argv: list[str]) -> None:
    """Runs the mode; its result is the exit code of the process."""
    # Imported after parsing, so that mistakes and --help do not wait for JAX.
    from autoencoder.cli import request as request_lib
    from autoencoder.runtime import compilation_cache
    from autoencoder.runtime import processors

    compilation_cache.enable()
    # TFDS, JAX and Orbax log details at INFO that are of no use here.
    logging.set_verbosity(logging.ERROR)
    # Pillow warns about metadata that affects no pixel.
    warnings.filterwarnings('ignore', module=r'PIL\.')
    try:
      assert self._chosen is not None  # Checked by `parse`.
      request = request_lib.make(
        self._chosen,
        flags.FLAGS,
        config_flags.get_override_values(flags.FLAGS['config']),
      )
      processors.use_eigen()
      mode = interface.MODES[flags.FLAGS.mode]
      if mode.trains:  # Other modes use little memory.
        processors.keep_freed_memory()
        processors.share(request.config.train.batch_size)
      processors.start()
      code = mode.run(request)
    except Exception as error:
      _report(error)
      raise
    sys.exit(code)


def _report(error: Exception) -> None:
  """Ends the process for the user's errors; explains others on stderr."""
  if isinstance(error, errors.UserError):
    _exit(str(error))
  line = experiment_lib.explanation(error)
  if line is not None:
    print(f'Error: {line}', file=sys.stderr)
  elif isinstance(error, OSError) and error.filename is not None:
    _exit(f'{error.filename}: {error.strerror}.')


def _exit(message: str) -> NoReturn:
  """Ends the process with one line on standard error."""
  print(f'Error: {" ".join(message.split())}', file=sys.stderr)
  sys.exit(USAGE_ERROR)
