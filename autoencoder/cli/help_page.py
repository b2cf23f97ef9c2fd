"""The page that `launch.py --help` prints."""

from collections.abc import Sequence
import shutil
import textwrap

from autoencoder import config as config_lib
from autoencoder.cli import chosen as chosen_lib
from autoencoder.cli import interface

_WORDS = ('--help', '-help', '-h', '-?', '--helpshort', '-helpshort')


def is_asked(argv: Sequence[str]) -> bool:
  """Whether the command line asks for help."""
  return any(word in _WORDS for word in argv[1:])


def write(description: str, argv: Sequence[str]) -> str:
  """Returns the help page, with the options of an experiment if one is given.

  Args:
    description: text at the top of the page.
    argv: the command line.

  Raises:
    UserError: `--config` or `--workdir` names no experiment.
  """
  width = min(96, shutil.get_terminal_size().columns)
  chosen = chosen_lib.choose(_without_effect(argv))
  if chosen is not None:
    return _options_page(chosen, width)
  lines = [description.strip(), '', 'Modes, --mode=MODE:']
  for mode in interface.MODES.values():
    lines += _entry(mode.name, mode.help, width, indent=14)
  lines += ['', 'Flags:']
  for flag in interface.FLAGS.values():
    name = f'--{flag.name}' + (
      f'={flag.placeholder}' if flag.kind is not bool else ''
    )
    only = f'[{", ".join(flag.modes)}] ' if flag.modes else ''
    lines += _entry(name, only + flag.help, width, indent=27)
  lines += [
    '',
    *textwrap.wrap(
      'Every option of an experiment is a flag, such as '
      '--config.train.steps=5000. See them all with',
      width,
    ),
    '  python launch.py --config=experiments/denoising.py --help',
    'or read docs/options.md.',
  ]
  return '\n'.join(lines)


def _options_page(chosen: chosen_lib.Chosen, width: int) -> str:
  """Returns the page of an experiment's options."""
  variant = f':{chosen.argument}' if chosen.argument else ''
  lines = [f'Options of {chosen.path}{variant}, --config.NAME=VALUE:']
  group = None
  for option in config_lib.describe(chosen.config).values():
    if option.name.rpartition('.')[0] != group:
      group = option.name.rpartition('.')[0]
      lines.append('')
    lines += _entry(
      f'{option.name}={in_words(option.value)}', details(option), width, 6
    )
  return '\n'.join(lines)


def details(option: config_lib.Option) -> str:
  """Returns the help of an option, with its accepted values or its type."""
  accepted = option.accepted or option.type_name
  return f'{option.help} ({accepted})'.strip()


def in_words(value: object) -> str:
  """Returns a value as one types it: '32,48' for a tuple."""
  if isinstance(value, tuple):
    return ','.join(map(str, value))
  return str(value)


def _without_effect(argv: Sequence[str]) -> list[str]:
  """Returns only `--config` and `--workdir`: the mode does not matter."""
  kept = []
  for name in ('config', 'workdir'):
    value = chosen_lib.flag(argv, name)
    if value is not None:
      kept.append(f'--{name}={value}')
  # Trained runs, and those that come with the package, can be asked, too.
  if len(kept) == 1 and kept[0].startswith('--workdir='):
    kept.append('--mode=apply')
  return kept


def _entry(name: str, text: str, width: int, indent: int) -> list[str]:
  """Returns a name and its text, which begins beside or below the name."""
  wrapped = textwrap.wrap(
    text,
    width,
    break_on_hyphens=False,
    initial_indent=' ' * indent,
    subsequent_indent=' ' * indent,
  )
  head = f'  {name}'
  if len(head) < indent and wrapped:
    return [head.ljust(indent) + wrapped[0].strip(), *wrapped[1:]]
  return [head, *wrapped]
