"""Messages about mistakes on the command line."""

from collections.abc import Mapping
from collections.abc import Sequence
import difflib
import pathlib
import re

from autoencoder import config as config_lib
from autoencoder.cli import interface

_OPTION = re.compile(r'--?(?:no)?config\.([^=]+)')


def experiments() -> list[str]:
  """Returns the experiment files below the current folder."""
  return sorted(str(path) for path in pathlib.Path('experiments').glob('*.py'))


def no_experiment(path: str) -> str:
  """Says that the file in `--config` is missing, and which ones exist."""
  known = experiments()
  stem = pathlib.Path(path).stem
  near = [name for name in known if pathlib.Path(name).stem == stem]
  near = near or difflib.get_close_matches(path, known, 1) or known
  hint = f' Did you mean {" or ".join(near)}?' if near else ''
  return f'There is no experiment file {path}.{hint}'


def unknown_mode(name: str) -> str:
  """Says which modes exist."""
  near = difflib.get_close_matches(name, interface.MODES, 1)
  hint = f' Did you mean --mode={near[0]}?' if near else ''
  return f'--mode takes {", ".join(interface.MODES)}; got {name!r}.{hint}'


def unknown_flag(name: str) -> str:
  """Says which flag has a similar name."""
  near = difflib.get_close_matches(name, interface.FLAGS, 1)
  hint = (
    f'Did you mean --{near[0]}?' if near else 'Add --help to see all flags.'
  )
  return f'There is no flag --{name}. {hint}'


def unknown_option(
  argv: Sequence[str], known: Mapping[str, config_lib.Option]
) -> str | None:
  """Names the first `--config.X` that does not exist; None if all exist."""
  for word in argv:
    match = _OPTION.match(word)
    if match and match[1] not in known:
      name = match[1]
      group = [k for k in known if k.startswith(f'{name}.')]
      if group:
        return f'{name} is a group of options: {", ".join(group)}.'
      # By the last part too: --config.steps for --config.train.steps.
      near = [k for k in known if k.split('.')[-1] == name.split('.')[-1]]
      near = near or difflib.get_close_matches(name, known, 3)
      hint = (
        f'Did you mean {" or ".join(near)}?'
        if near
        else 'Add --help to see all options.'
      )
      return f'There is no option {name}. {hint}'
  return None


def illegal_value(message: str, known: Mapping[str, config_lib.Option]) -> str:
  """Says which values a flag or an option takes.

  Args:
    message: of absl's `IllegalFlagValueError`, which names the flag.
    known: the options by name.
  """
  match = re.match(r'flag --(\S+?)=(.*?): ', message, re.DOTALL)
  if not match:
    return message
  name, value = match[1], match[2].strip('"\'')
  option = known.get(name.removeprefix('config.'))
  if name.startswith('config.') and option is not None:
    accepted = f' ({option.accepted})' if option.accepted else ''
    return f'--{name} takes {option.type_name}{accepted}; got {value!r}.'
  flag = interface.FLAGS.get(name)
  if flag is not None:
    return f'--{name} takes {config_lib.type_name(flag.kind)}; got {value!r}.'
  return message
