"""Lists files and splits of a folder, and makes names safe."""

import os
import pathlib
import re

from autoencoder import errors
from autoencoder.photos import regular

SPLITS = ('train', 'test')


def list_files(root: pathlib.Path, suffixes: tuple[str, ...]) -> list[str]:
  """Returns the sorted relative paths of the files below `root`.

  Follows links. Ignores hidden files and folders, and pipes, sockets and
  devices.

  Args:
    root: a folder.
    suffixes: lower-case suffixes to search for; case is ignored in file names.

  Returns:
    Paths with '/' as separator.
  """
  files, seen = [], {os.path.realpath(root)}
  for folder, subfolders, names in os.walk(root, followlinks=True):
    kept = []
    for name in sorted(subfolders):
      target = os.path.realpath(os.path.join(folder, name))
      # A second link to a folder would repeat its files, or never end.
      if not name.startswith('.') and target not in seen:
        seen.add(target)
        kept.append(name)
    subfolders[:] = kept
    files += [
      pathlib.Path(folder, name).relative_to(root).as_posix()
      for name in names
      if name.lower().endswith(suffixes)
      and not name.startswith('.')
      and not regular.is_special(os.path.join(folder, name))
    ]
  return sorted(files)


def find_splits(folder: pathlib.Path, split: str) -> list[str]:
  """Returns those of `SPLITS` that are subfolders of `folder`.

  Raises:
    UserError: there are splits, but not `split`; says what to do.
  """
  present = [name for name in SPLITS if (folder / name).is_dir()]
  if not present or split in present:
    return present
  others = sorted(
    each.name
    for each in folder.iterdir()
    if each.is_dir() and not each.name.startswith('.')
  )
  advice = f'give another folder for the {split} images'
  if split == 'test':
    other = folder / ('val' if 'val' in others else 'SUBFOLDER')
    advice = (
      f'give another one with --config.data.test_source=folder:{other} '
      '(with --data in --mode=evaluate)'
    )
  raise errors.UserError(
    f'{folder} has no {split!r} subfolder, only '
    f'{", ".join(map(repr, others))}: add one, or {advice}.'
  )


def file_safe(name: str) -> str:
  """Returns `name` with runs of unusual characters replaced by `_`.

  Letters, digits, `_`, `.` and `-` are kept.
  """
  return re.sub(r'[^\w.-]+', '_', name)
