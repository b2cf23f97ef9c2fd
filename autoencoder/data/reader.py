"""Reads items for training; replaces and counts unreadable files."""

import itertools

from autoencoder import errors
from autoencoder.data import crops
from autoencoder.data import decode
from autoencoder.data import sources

# A note names this many files, and gives the number of the others.
NAMED = 5


class Reader:
  """Reads items, padded to the size of the crop; skips unreadable files.

  Several threads may call it. The returned item depends only on the source, not
  on earlier calls.
  """

  def __init__(self, source: sources.Source, crop: int):
    self._source = source
    self._crop = crop
    self._errors: dict[int, str] = {}
    self._small: set[int] = set()

  def read(self, i: int) -> crops.Item:
    """Returns item `i`, padded by mirroring if it is smaller than the crop.

    Raises:
      decode.UnreadableImage: the file cannot be read; names it.
    """
    try:
      item = self._source[i]
    except decode.UnreadableImage as error:
      self._errors[i] = str(error)
      raise
    if min(item['image'].shape[:2]) < self._crop:
      self._small.add(i)
    return crops.pad_to_crop(item, self._crop)

  def read_next(self, i: int) -> crops.Item:
    """Returns item `i` or the next readable one; continues with item 0.

    Raises:
      UserError: no item can be read; gives the reason for one file.
    """
    count = len(self._source)
    for j in itertools.chain(range(i, count), range(i)):
      if j in self._errors:
        continue
      try:
        return self.read(j)
      except decode.UnreadableImage:
        continue
    raise self.nothing_readable()

  def nothing_readable(self) -> errors.UserError:
    """Returns the error to raise when no item could be read."""
    return errors.UserError(
      f'None of the {len(self._source)} images of {self._source.name} can be '
      f'read. For example: {self._errors[min(self._errors)]}'
    )

  def notes(self) -> list[str]:
    """Returns a sentence on the small and one on the unreadable images."""
    notes = []
    if self._small:
      notes.append(
        _count(len(self._small), 'image is', 'images are')
        + f' smaller than the {self._crop}-pixel crop and padded by '
        'mirroring.'
      )
    if self._errors:
      messages = [message for _, message in sorted(self._errors.items())]
      named = messages[:NAMED]
      if len(messages) > NAMED:
        named.append(f'And {len(messages) - NAMED:,} more.')
      notes.append(
        _count(len(messages), 'image was', 'images were')
        + f' skipped. {" ".join(named)}'
      )
    return notes


def _count(n: int, one: str, many: str) -> str:
  return f'{n:,} {one if n == 1 else many}'
