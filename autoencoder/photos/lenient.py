"""Lifts limits and warnings of the decoding libraries, for several threads."""

from collections.abc import Iterator
import contextlib
import logging
import pathlib
import threading
from typing import Any
import warnings

from PIL import Image
from PIL import PngImagePlugin

# Texts and profiles of PNG files may have this many bytes. Pillow allows 1 MiB
# for each; the limit protects from small files that decompress to gigabytes.
_MAX_TEXT = 2**26

_lock = threading.Lock()
_users = 0
_restore = contextlib.ExitStack()


@contextlib.contextmanager
def libraries() -> Iterator[None]:
  """Disables Pillow's size limit and the warnings of the libraries.

  The decoder checks the size instead. The warnings are about defects that
  change no pixel, such as invalid EXIF; defects that change pixels raise. The
  settings belong to the process. With several threads, the first one changes
  them, and the last one restores them.
  """
  global _users
  with _lock:
    if _users == 0:
      _lift()
    _users += 1
  try:
    yield
  finally:
    with _lock:
      _users -= 1
      if _users == 0:
        _restore.close()


@contextlib.contextmanager
def open_image(path: pathlib.Path) -> Iterator[Image.Image]:
  """Opens a file with Pillow, for stored values such as palette indices.

  Pillow opens the file by a file object. Opened by its path, it is mapped to
  memory if it is uncompressed, and the orientation of a TIFF file goes wrong.
  """
  with libraries(), open(path, 'rb') as file, Image.open(file) as image:
    yield image


def _lift() -> None:
  logger = logging.getLogger('tifffile')
  _restore.callback(logger.setLevel, logger.level)
  logger.setLevel(logging.CRITICAL)
  _restore.enter_context(warnings.catch_warnings())
  warnings.simplefilter('ignore')
  _set(Image, 'MAX_IMAGE_PIXELS', None)
  _set(PngImagePlugin, 'MAX_TEXT_CHUNK', _MAX_TEXT)
  _set(PngImagePlugin, 'MAX_TEXT_MEMORY', 4 * _MAX_TEXT)


def _set(module: Any, name: str, value: Any) -> None:
  _restore.callback(setattr, module, name, getattr(module, name))
  setattr(module, name, value)
