"""The experiment that a command line chooses, loaded once, before its flags.

Its options are flags themselves, `--config.train.steps=5000`, so it has to be
known before the flags can be parsed.
"""

from collections.abc import Sequence
import dataclasses
import os
import pathlib
import re
from typing import TYPE_CHECKING
from typing import Any

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.cli import interface
from autoencoder.cli import mistakes
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import packaged
from autoencoder.runs import workdir as workdir_lib
from autoencoder.runtime import paths

if TYPE_CHECKING:  # Imports JAX, which is slow.
  from autoencoder.tasks import task as task_lib

_OPTION = re.compile(r'--?config\.([^=]+)(=?)')


@dataclasses.dataclass(frozen=True)
class Chosen:
  """An experiment and its configuration.

  Attributes:
    path: the experiment file; the run's copy of it for a trained run.
    argument: its variant, or None.
    workdir: directory of the run, 'pretrained:NAME' resolved.
    config: its options; flags set them.
    task: its functions.
    defaults: options of the experiment without a variant.
    trained: options of the run, by dotted name, or None before training.
  """

  path: str
  argument: str | None
  workdir: pathlib.Path
  config: config_lib.Config
  task: 'task_lib.Task'
  defaults: dict[str, Any]
  trained: dict[str, Any] | None


def flag(argv: Sequence[str], name: str) -> str | None:
  """Returns VALUE of --name=VALUE or --name VALUE, before flags are parsed."""
  found = None  # As in absl, the last one counts.
  for word, value in zip(argv, [*argv[1:], '']):
    match = re.match(rf'--?{name}(?:=(.*))?\Z', word, re.DOTALL)
    if match:
      found = value if match[1] is None else match[1]
  return found


def without_config(argv: Sequence[str]) -> list[str]:
  """Returns the arguments without `--config=FILE`."""
  kept, skip = [], False
  for word in argv:
    if skip:
      skip = False
    elif re.match(r'--?config$', word):
      skip = True
    elif not re.match(r'--?config=', word):
      kept.append(word)
  return kept


def without_repeated(argv: Sequence[str], names: Sequence[str]) -> list[str]:
  """Returns the arguments with only the last of each repeated option.

  `ml_collections` would join the values of a tuple that is given twice.

  Args:
    argv: the command line.
    names: the dotted names of options.
  """
  words: list[list[str]] = []  # `--config.X VALUE` is one entry of two words.
  rest = list(argv)
  while rest:
    match = _OPTION.match(rest[0])
    count = 2 if match and match[1] in names and not match[2] else 1
    words.append(rest[:count])
    rest = rest[count:]
  kept, seen = [], set()
  for entry in reversed(words):
    match = _OPTION.match(entry[0])
    if match and match[1] in names:
      if match[1] in seen:
        continue
      seen.add(match[1])
    kept.append(entry)
  return [word for entry in reversed(kept) for word in entry]


def split(filename: str) -> tuple[str, str | None]:
  """Splits PATH:VARIANT; expands `~`."""
  path, _, argument = filename.partition(':')
  return str(paths.expand(path)) if path else '', argument or None


def choose(argv: Sequence[str]) -> Chosen | None:
  """Returns the experiment that `--config` or `--workdir` chooses.

  With `--mode=train` and `--config` it is that file. Otherwise it is the copy
  that the run in `--workdir` keeps, and `--config` may only confirm it.

  Args:
    argv: the command line.

  Returns:
    The experiment; None if neither flag is given.

  Raises:
    UserError: a wrong mode, file or run directory.
  """
  mode, given = flag(argv, 'mode') or 'train', flag(argv, 'config')
  if mode not in interface.MODES:
    raise errors.UserError(mistakes.unknown_mode(mode))
  workdir = flag(argv, 'workdir')
  if given is None and workdir is None:
    return None
  path, argument = split(given or '')
  if given is not None and not path:
    raise errors.UserError(
      '--config takes an experiment file, such as experiments/denoising.py.'
    )
  if workdir is None:
    name = pathlib.Path(path).stem + (f'-{argument}' if argument else '')
    workdir = os.path.join('runs', name)
  folder = _folder(workdir, mode, flag(argv, 'output'))
  copy = folder / workdir_lib.EXPERIMENT_FILE
  is_copy = given is not None and pathlib.Path(path).resolve() == copy.resolve()
  trains = interface.MODES[mode].trains
  if given is not None and trains and not is_copy:
    if not pathlib.Path(path).is_file():
      raise errors.UserError(mistakes.no_experiment(path))
    module = experiment_lib.load(path)
    config = experiment_lib.get_config(module, argument)
    defaults = experiment_lib.get_config(module, None)
    return Chosen(
      path,
      argument,
      folder,
      config,
      module.TASK,
      config_lib.flatten(defaults),
      None,
    )
  if given is not None and not is_copy:
    _check_made_by(workdir_lib.read_record(folder), path, argument)
  run = workdir_lib.load(folder)
  defaults = experiment_lib.get_config(experiment_lib.load(copy), None)
  return Chosen(
    str(copy),
    run.record['argument'],
    folder,
    run.config,
    run.task,
    config_lib.flatten(defaults),
    config_lib.flatten(run.config),
  )


def _folder(workdir: str, mode: str, output: str | None) -> pathlib.Path:
  """Returns the run directory; raises `UserError` if it cannot be used."""
  if not packaged.is_pretrained(workdir):
    if ':' in workdir:  # It would be read as the variant in PATH:VARIANT.
      raise errors.UserError(
        f"--workdir={workdir}: the name of a run cannot contain ':'."
      )
    return paths.expand(workdir)
  folder = packaged.resolve(workdir)
  if interface.MODES[mode].writes_to_run and (
    interface.MODES[mode].trains or output is None
  ):
    raise errors.UserError(
      f'--workdir={workdir} comes with the package and is not changed: use it '
      'with --mode=apply, or with --mode=evaluate or --mode=inspect and '
      '--output=FOLDER.'
    )
  return folder


def _check_made_by(
  record: dict[str, Any], path: str, argument: str | None
) -> None:
  """Raises `UserError` if another experiment or variant made the run."""
  made_by, variant = record['experiment'], record['argument']
  if (pathlib.Path(path).name, argument) != (
    pathlib.Path(made_by).name,
    variant,
  ):
    raise errors.UserError(
      f'The run was trained by {made_by}{f":{variant}" if variant else ""}: '
      f'leave --config={path}{f":{argument}" if argument else ""} out, or give '
      'the --workdir of another run.'
    )
