"""Reading for training: files that cannot be used are replaced and counted."""

import itertools

from autoencoder.data import crops
from autoencoder.data import decode
from autoencoder.data import sources

# Files named in a note; of the others it gives the number.
NAMED = 5


class Reader:
  """Reads items large enough to crop, stepping over unreadable files.

  May be called from several threads. The item returned depends on the source
  alone, not on what was read before.
  """

  def __init__(self, source: sources.Source, crop: int):
    self._source = source
    self._crop = crop
    self._errors: dict[int, str] = {}
    self._small: set[int] = set()

  def read(self, i: int) -> crops.Item:
    """Returns item `i`, mirrored up to the crop's size where it is smaller.

    Raises:
      decode.UnreadableImage: naming the file.
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
    """Returns item `i`, or the first readable one after it, in a circle.

    Raises:
      ValueError: nothing at all can be read; says why for one file.
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

  def nothing_readable(self) -> ValueError:
    """Returns the error to raise when no item could be read."""
    return ValueError(
      f'None of the {len(self._source)} images of {self._source.name} can be '
      f'read. For example: {self._errors[min(self._errors)]}'
    )

  def notes(self) -> list[str]:
    """Returns a sentence on each kind of trouble met so far."""
    notes = []
    if self._small:
      notes.append(
        _count(len(self._small), 'image is', 'images are')
        + f' smaller than the {self._crop}-pixel crop and continued by '
        'mirroring.'
      )
    if self._errors:
      errors = sorted(self._errors.items())
      named = [message for _, message in errors[:NAMED]]
      if len(errors) > NAMED:
        named.append(f'And {len(errors) - NAMED:,} more.')
      notes.append(
        _count(len(errors), 'image was', 'images were')
        + f' skipped. {" ".join(named)}'
      )
    return notes


def _count(n: int, one: str, many: str) -> str:
  return f'{n:,} {one if n == 1 else many}'
