"""Paths as people type them."""

import os
import pathlib


def expand(path: str | os.PathLike) -> pathlib.Path:
  """Returns a path with `~` or `~name` at its start as the home directory.

  A shell expands `~` only at the start of a word, so not in `--workdir=~/run`.
  The name of an unknown user is kept.

  Example:

    >>> str(expand('runs/mine~'))
    'runs/mine~'
  """
  return pathlib.Path(os.path.expanduser(path))
