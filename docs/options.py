"""Writes docs/options.md, the table of every option, from its description.

    python docs/options.py

The test tests/config/test_options_page.py fails if the page is out of date.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder import config as config_lib  # noqa: E402
from autoencoder.cli import help_page  # noqa: E402
from autoencoder.cli import interface  # noqa: E402
from autoencoder.runs import experiment as experiment_lib  # noqa: E402

PAGE = ROOT / 'docs' / 'options.md'

HEAD = """# Options

<!-- Written by docs/options.py from the code; do not edit. -->

Every option of a run is a flag: `--config.train.steps=5000`. Values of several
elements are separated by commas: `--config.model.widths=32,64`. `python
launch.py --config=experiments/NAME.py --help` shows the options of an
experiment with its own defaults.

*Modes* are those in which an option has an effect. *Resume* says whether a run
can be continued with another value.
"""

GROUPS = {
  '': 'General',
  'model': '`model`: architecture',
  'data': '`data`: images and batches',
  'train': '`train`: optimisation, logging, checkpoints',
  'evaluation': '`evaluation`: measurement and report',
}


def main() -> None:
  PAGE.write_text(page())


def page() -> str:
  """Returns the text of the page."""
  common = config_lib.describe(config_lib.Config())
  lines = [HEAD]
  for group, title in GROUPS.items():
    options = [o for o in common.values() if _group(o.name) == group]
    lines += [f'## {title}', '', *_table(options), '']
  lines += ['## Options of single experiments', '']
  for path in sorted((ROOT / 'experiments').glob('*.py')):
    config = experiment_lib.get_config(experiment_lib.load(path), None)
    described = config_lib.describe(config)
    own = [o for name, o in described.items() if name not in common]
    changed = [
      f'`{name}={help_page.in_words(option.value)}`'
      for name, option in described.items()
      if name in common and option.value != common[name].value
    ]
    lines += [f'### experiments/{path.name}', '']
    if own:
      lines += [*_table(own), '']
    if changed:
      lines += [f'Its defaults differ in {", ".join(changed)}.', '']
  return '\n'.join(lines).rstrip() + '\n'


def _group(name: str) -> str:
  return name.rpartition('.')[0]


def _table(options: list[config_lib.Option]) -> list[str]:
  lines = ['| option | default | meaning | modes | resume |', '|:--' * 5 + '|']
  for option in options:
    default = help_page.in_words(option.value)
    cells = (
      f'`{option.name}`',
      f'`{default}`' if default else '',
      help_page.details(option),
      _modes(option),
      'yes' if option.resumable else 'no',
    )
    escaped = [cell.replace('|', r'\|') for cell in cells]
    lines.append(f'| {" | ".join(escaped)} |')
  return lines


def _modes(option: config_lib.Option) -> str:
  """Returns the modes in which an option has an effect."""
  modes = interface.modes_of(option)
  return 'all' if len(modes) == len(interface.MODES) else ', '.join(modes)


if __name__ == '__main__':
  main()
