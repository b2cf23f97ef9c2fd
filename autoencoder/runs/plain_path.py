"""Paths that Orbax can use."""

import pathlib
import re
import tempfile


class PlainPath:
  """A path of a folder that holds plain characters only.

  Orbax searches below the path with a glob pattern, in which `[1]` means `1`,
  and TensorStore takes paths in UTF-8 only. A path with other characters gets a
  temporary link.
  """

  def __init__(self, folder: pathlib.Path):
    self.path = folder
    self._temporary = None
    if not re.fullmatch(r'[\w./ -]+', str(folder), re.ASCII):
      self._temporary = tempfile.TemporaryDirectory(prefix='checkpoints-')
      self.path = pathlib.Path(self._temporary.name, 'run')
      self.path.symlink_to(folder, target_is_directory=True)

  def remove(self) -> None:
    """Removes the link."""
    if self._temporary is not None:
      self._temporary.cleanup()
