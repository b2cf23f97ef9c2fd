"""Files that appear whole or not at all."""

import os
import pathlib
import uuid

from autoencoder import errors


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
  """Writes a file by rename, making missing folders.

  Args:
    path: the file to make or replace.
    data: its content.

  Raises:
    OSError: it cannot be written.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  # Not a longer form of the name, which may already be as long as allowed.
  temporary = path.with_name(f'.{uuid.uuid4().hex}.tmp')
  try:
    temporary.write_bytes(data)
    os.replace(temporary, path)
  finally:
    temporary.unlink(missing_ok=True)


def write(path: str | os.PathLike, data: bytes) -> pathlib.Path:
  """As `write_bytes`; returns the path.

  Raises:
    ValueError: it cannot be written; names it and says what to do.

  Example:

    write('runs/denoising/report.html', page.encode())
  """
  try:
    write_bytes(path, data)
  except OSError as error:
    raise errors.UserError(
      f'cannot write {path}: {error.strerror}; choose a folder that exists or '
      'can be made, with room and permission to write.'
    ) from error
  return pathlib.Path(path)
