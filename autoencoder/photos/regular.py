"""Tells files from pipes, sockets and devices, whose reading may never end."""

import os
import stat


def is_special(path: str | os.PathLike) -> bool:
  """Whether `path` is a pipe, a socket or a device, or a link to one.

  Returns False for files, for folders and for what does not exist.
  """
  try:
    mode = os.stat(path).st_mode
  except OSError:
    return False
  return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
