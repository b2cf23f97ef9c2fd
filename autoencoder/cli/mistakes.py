"""What to say about a mistake on the command line."""

from collections.abc import Sequence
import difflib
import pathlib
import re
import sys
import traceback

from absl import flags

from autoencoder import config as config_lib
from autoencoder.runs import workdir as workdir_lib


def flag(argv: Sequence[str], name: str) -> str | None:
  """Returns VALUE of --name=VALUE or --name VALUE, before flags are parsed."""
  for word, value in zip(argv, [*argv[1:], '']):
    match = re.match(rf'--?{name}(?:=(.*))?$', word)
    if match:
      return value if match[1] is None else match[1]
  return None


def split(filename: str) -> tuple[str, str | None]:
  """Splits PATH:ARGUMENT."""
  path, _, argument = filename.partition(':')
  return path, argument or None


def experiments() -> list[str]:
  return sorted(str(path) for path in pathlib.Path('experiments').glob('*.py'))


def no_experiment(argv: Sequence[str], error: OSError) -> str:
  """Says that the file in `--config` is missing, and what there is."""
  path, _ = split(flag(argv, 'config'))
  if pathlib.Path(path).is_file():  # It opened something that is missing.
    reason = str(error).rpartition(path)[2].strip()  # Of config_flags' words.
    return f'{path} cannot be loaded: {reason}'
  known = experiments()
  stem = pathlib.Path(path).stem
  near = [name for name in known if pathlib.Path(name).stem == stem]
  near = near or difflib.get_close_matches(path, known, 1) or known
  hint = f' Did you mean {" or ".join(near)}?' if near else ''
  return f'There is no experiment file {path}.{hint}'


def illegal_value(
  argv: Sequence[str], error: flags.IllegalFlagValueError
) -> str:
  """Puts the reason before the traceback that config_flags quotes."""
  message = str(error).strip().splitlines()[-1]
  match = re.match(r'flag --(\S+?)=(.*): invalid literal for int', message)
  if match:
    return f'--{match[1]} takes a whole number; got {match[2]!r}.'
  kind, _, reason = message.partition('Error: ')
  if not reason or not kind.isidentifier():
    return message
  # A ValueError says what it means; another error is one of the file's code.
  return reason if kind == 'Value' else f'{reason}{where(argv, error)}'


def bad_experiment(argv: Sequence[str], error: Exception) -> str:
  """Says what an experiment file did wrong, and where."""
  path, _ = split(flag(argv, 'config') or '')
  reason = str(error).replace("module 'config_config'", path)
  return f'{reason}{where(argv, error)}'


def where(argv: Sequence[str], error: Exception) -> str:
  """Returns ' (FILE, line N)' where the experiment file raised `error`."""
  path, _ = split(flag(argv, 'config') or '')
  lines = [
    (frame.filename, frame.lineno)
    for frame in traceback.extract_tb(error.__traceback__)
  ]
  # config_flags keeps a traceback as text.
  lines += re.findall(r'File "([^"]+)", line (\d+)', str(error))
  for file, line in reversed(lines):
    if pathlib.Path(file).name == pathlib.Path(path).name:
      return f' ({path}, line {line})'
  return ''


def unknown_option(argv: Sequence[str]) -> str:
  """Says which `--config.X` does not exist, and which are near it."""
  path, argument = split(flag(argv, 'config'))
  module = workdir_lib.load_experiment(path)
  known = list(config_lib.flatten(workdir_lib.get_config(module, argument)))
  for word in argv:
    match = re.match(r'--?(?:no)?config\.([\w.]+)', word)
    if match and match[1] not in known:
      name = match[1]
      # By the last part too: --config.steps for --config.train.steps.
      near = [k for k in known if k.split('.')[-1] == name.split('.')[-1]]
      near = near or difflib.get_close_matches(name, known, 3)
      hint = ' or '.join(near) if near else 'one of ' + ', '.join(known)
      return f'There is no option {name}; did you mean {hint}?'
  return 'A --config option does not exist.'


def is_for_the_user(error: Exception) -> bool:
  """Whether our own code, or the operating system about a file, raised it."""
  if isinstance(error, OSError):
    return error.filename is not None
  here = pathlib.Path(__file__).parents[1]
  file = pathlib.Path(traceback.extract_tb(error.__traceback__)[-1].filename)
  experiment, _ = split(flag(sys.argv, 'config') or '')
  return here in file.parents or file.name in (
    workdir_lib.EXPERIMENT_FILE,
    pathlib.Path(experiment).name,
  )
