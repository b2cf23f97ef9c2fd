"""Writing files so that they are never half-written."""

import os
import pathlib
import uuid

from autoencoder import errors


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
  """Writes a file under a temporary name and renames it; creates folders.

  Args:
    path: the file to create or replace.
    data: its content.

  Raises:
    OSError: it cannot be written.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  # The temporary file gets a new name: a suffix to the final name could exceed
  # the longest name that the file system allows.
  temporary = path.with_name(f'.{uuid.uuid4().hex}.tmp')
  try:
    temporary.write_bytes(data)
    os.replace(temporary, path)
  finally:
    temporary.unlink(missing_ok=True)


def encode(text: str) -> bytes:
  r"""Returns text in UTF-8; names that are not Unicode are escaped.

  A file name with the byte e9 holds the surrogate U+DCE9, which UTF-8 lacks. It
  becomes `\udce9`, as JSON writes it.
  """
  return text.encode('utf-8', 'backslashreplace')


def write(path: str | os.PathLike, data: bytes) -> pathlib.Path:
  """Writes a file as `write_bytes` does; returns its path.

  Raises:
    UserError: it cannot be written.

  Example:

    write('runs/denoising/report.html', page.encode())
  """
  try:
    write_bytes(path, data)
  except OSError as error:
    raise errors.UserError(
      f'cannot write {path}: {error.strerror}; choose a folder with free space '
      'in which you may write.'
    ) from error
  return pathlib.Path(path)
