"""Folders of the trained models that come with the package."""

import os
import pathlib

from autoencoder import errors
from autoencoder.runtime import paths

PREFIX = 'pretrained:'
WEIGHTS_FILE = 'weights.npz'
CARD_FILE = 'README.md'

_FOLDER = pathlib.Path(__file__).parents[1] / 'pretrained'


def names() -> list[str]:
  """Returns the names that can follow `pretrained:`."""
  return sorted(path.parent.name for path in _FOLDER.glob(f'*/{WEIGHTS_FILE}'))


def is_pretrained(workdir: str | os.PathLike) -> bool:
  """Whether `workdir` is 'pretrained:NAME' rather than a directory."""
  return str(workdir).startswith(PREFIX)


def contains(folder: str | os.PathLike) -> bool:
  """Whether a folder belongs to the package, which is never written to."""
  return pathlib.Path(folder).resolve().is_relative_to(_FOLDER.resolve())


def resolve(workdir: str | os.PathLike) -> pathlib.Path:
  """Returns the directory of a run, or of the model 'pretrained:NAME'.

  Expands `~`.

  Raises:
    UserError: there is no pretrained model of that name.

  Example:

    >>> str(resolve('runs/mine'))
    'runs/mine'
  """
  if not is_pretrained(workdir):
    return paths.expand(workdir)
  name = str(workdir).removeprefix(PREFIX)
  if name not in names():
    raise errors.UserError(
      f'There is no pretrained model {name!r}; there are '
      f'{", ".join(names()) or "none yet"}.'
    )
  return _FOLDER / name
