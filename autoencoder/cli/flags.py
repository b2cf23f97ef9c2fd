"""Defines the flags of `launch.py` and `python -m autoencoder`."""

from collections.abc import Callable
from typing import Any

from absl import app
from absl import flags

from autoencoder.cli import console
from autoencoder.cli import interface
from autoencoder.cli import main

_DEFINE: dict[type, Callable[..., Any]] = {
  str: flags.DEFINE_string,
  int: flags.DEFINE_integer,
  float: flags.DEFINE_float,
  bool: flags.DEFINE_bool,
}

for _flag in interface.FLAGS.values():
  # --config takes the options of the experiment along: see main.CommandLine.
  if _flag.name != 'config':
    _DEFINE[_flag.kind](_flag.name, _flag.default, _flag.help)


def run(description: str) -> None:
  """Carries out the command line and ends the process.

  Args:
    description: text at the top of the help page.
  """
  console.prepare()
  command = main.CommandLine(description)
  app.run(command.main, flags_parser=command.parse)
