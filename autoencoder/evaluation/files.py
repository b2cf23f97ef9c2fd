"""Files that appear whole or not at all."""

import contextlib
import os
import pathlib


def write(path: str | os.PathLike, data: bytes) -> pathlib.Path:
  """Writes `data` to `path` by rename, making missing folders.

  Args:
    path: the file to make or replace.
    data: its content.

  Returns:
    The path.

  Raises:
    ValueError: if the file cannot be written, naming it.

  Example:

    write('runs/denoising/report.html', page.encode())
  """
  path = pathlib.Path(path)
  # The process id keeps two writers of one file out of each other's way.
  temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_bytes(data)
    os.replace(temporary, path)
  except OSError as error:
    with contextlib.suppress(OSError):
      temporary.unlink()
    raise ValueError(
      f'cannot write {path}: {error.strerror}; choose a folder that exists or '
      'can be made, with room and permission to write.'
    ) from error
  return path
