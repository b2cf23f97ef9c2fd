"""Standard output and error that never end a command."""

import io
import os
import sys


class _Lasting(io.RawIOBase):
  """A descriptor that drops what is written once its pipe is closed."""

  def __init__(self, descriptor: int):
    self._descriptor = descriptor

  def fileno(self) -> int:
    return self._descriptor

  def isatty(self) -> bool:
    return os.isatty(self._descriptor)

  def writable(self) -> bool:
    return True

  def write(self, data) -> int:
    try:
      return os.write(self._descriptor, data)
    except BrokenPipeError:
      return len(data)


def prepare() -> None:
  """Makes standard output and error last through any line.

  A reader such as `head -1` may close the pipe while the command still works,
  and a file name may not fit the encoding of the terminal. Then lines are
  dropped or escaped, and the work goes on.
  """
  for name in ('stdout', 'stderr'):
    stream = getattr(sys, name)
    try:
      descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):
      continue  # Closed, or replaced by an object of another program.
    stream.flush()
    lasting = io.TextIOWrapper(
      io.BufferedWriter(_Lasting(descriptor)),
      encoding=stream.encoding,
      errors='backslashreplace',
      line_buffering=stream.line_buffering,
      write_through=stream.write_through,
    )
    setattr(sys, name, lasting)
