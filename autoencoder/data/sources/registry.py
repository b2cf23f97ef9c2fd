"""The `Source` protocol, and the registry that opens a source by name.

Each module in this package defines one kind of source and registers a function
that opens it. To add a kind, add a module with such a function; no other file
changes.
"""

from collections.abc import Callable
import functools
import importlib
import pathlib
import pkgutil
from typing import Any
from typing import NamedTuple
from typing import Protocol

from autoencoder.data import labels as labels_lib

# Opens every name that no other entry opens, such as 'cifar10'.
ANY_OTHER_NAME = ''


class Source(Protocol):
  """A data set with random access.

  An item is a dict with `image` uint8 `[H, W, C]`; `name` str; and, if labels
  were asked for, `label` int32 `[H, W]` in 0..255, where 255 marks pixels that
  do not count. `grey` is set if `image` repeats the one channel of a grey file.

  Sources may have two further members. `made_grey` is the set of the names of
  the colour images that were converted to grey so far. `check_labels()` reads
  all labels that were not checked at opening, and raises `WrongLabel`.

  Attributes:
    name: short and safe in file names: 'sample_photos', the name of a folder.
  """

  name: str

  def __len__(self) -> int: ...

  def __getitem__(self, i: int) -> dict[str, Any]: ...


class _Entry(NamedTuple):
  """One registered kind of source.

  Attributes:
    notation: how a user writes it: 'scenes' or 'folder:PATH'.
    local: whether the part after the colon is a path.
    open: `(rest, split, *, channels, labels) -> Source`; `rest` is the part
      after the colon, or the whole name.
  """

  notation: str
  local: bool
  open: Callable[..., Source]


_entries: dict[str, _Entry] = {}


def register(
  notation: str, *, local: bool = False
) -> Callable[[Callable[..., Source]], Callable[..., Source]]:
  """Registers the decorated function as the one that opens a kind of source.

  Importing the module that calls this must be fast, because every call of
  `open_source` imports all of them: import slow packages in the function.

  Args:
    notation: a name ('scenes'); or a prefix with the name of its argument
      ('folder:PATH'), which then is all of the name after the colon; or
      `ANY_OTHER_NAME`.
    local: whether the argument is a path on this machine.

  Returns:
    A decorator of `open(rest, split, *, channels, labels) -> Source`. See
    `open_source` for the arguments. `rest` is the argument of the notation, or
    the whole name if the notation has none.

  Raises:
    ValueError: the notation is registered already.

  Example:

    @register('folder:PATH', local=True)
    def open_folder(path, split, *, channels, labels):
      return FolderSource(path, split, channels=channels, labels=labels)
  """

  def add(function: Callable[..., Source]) -> Callable[..., Source]:
    kind, colon, _ = notation.partition(':')
    if kind + colon in _entries:
      raise ValueError(f'A source {kind + colon!r} is registered already.')
    _entries[kind + colon] = _Entry(notation, local, function)
    return function

  return add


def open_source(
  name: str,
  split: str,
  *,
  channels: int,
  labels: labels_lib.LabelFormat | None = None,
) -> Source:
  """Opens a data set for random access, preparing it first where needed.

  Args:
    name: one of `known_names()`: 'sample_photos', photographs that installed
      packages contain; 'scenes', handwritten digits on these photographs;
      'folder:PATH', a tree of images that is read in place; or a TFDS name such
      as 'cifar10' or 'div2k/bicubic_x4', downloaded and prepared if necessary.
    split: 'train' or 'test'. If a TFDS set has no 'test' split, this reads
      'validation'. If a folder has no 'train' and 'test' subfolders, both
      splits are all of its images.
    channels: 1 converts every image to grey (ITU-R 601 luma), 3 to RGB.
    labels: what the values of stored labels mean, for tasks that need labels.
      Labels stored as images are then read, too (see `pairs`).

  Raises:
    UserError: the name is unknown, the data cannot be had, or has no labels
      where they are needed; says what to do.
    ValueError: another `split` or number of channels.

  Example:

    >>> source = open_source('sample_photos', 'test', channels=3)
    >>> [item['name'] for item in source]
    ['rocket', 'coffee', 'flower']
  """
  if split not in ('train', 'test'):
    raise ValueError(f"split takes 'train' or 'test'; got {split!r}.")
  if channels not in (1, 3):
    raise ValueError(f'channels takes 1 or 3; got {channels}.')
  entry, rest = _find(name)
  return entry.open(rest, split, channels=channels, labels=labels)


def known_names() -> list[str]:
  """Returns the names and notations that open a source, TFDS names excepted.

  Example:

    >>> known_names()
    ['folder:PATH', 'sample_photos', 'scenes']
  """
  return sorted(
    entry.notation
    for kind, entry in _load_entries().items()
    if kind != ANY_OTHER_NAME
  )


def is_local(name: str) -> bool:
  """Returns whether `name` holds a path, so that other machines lack it."""
  return _find(name)[0].local


def without_path(name: str) -> str:
  """Returns `name` with only the last part of a path in it.

  Example:

    >>> without_path('folder:/home/me/photos')
    'folder:photos'
  """
  entry, rest = _find(name)
  if not entry.local:
    return name
  return name.removesuffix(rest) + pathlib.Path(rest).name


def _find(name: str) -> tuple[_Entry, str]:
  """Returns the entry that opens `name`, and what its function is given."""
  entries = _load_entries()
  kind, colon, rest = name.partition(':')
  if colon and kind + colon in entries:
    return entries[kind + colon], rest
  return entries.get(name, entries[ANY_OTHER_NAME]), name


@functools.cache
def _load_entries() -> dict[str, _Entry]:
  """Imports the modules of this package, which register their sources."""
  package = __name__.rpartition('.')[0]
  for module in pkgutil.iter_modules([str(pathlib.Path(__file__).parent)]):
    importlib.import_module(f'{package}.{module.name}')
  return _entries
