"""A lock on a run directory: one training at a time."""

from collections.abc import Iterator
import contextlib
import json
import os
import pathlib
import socket
import sys

from autoencoder import errors

FILE = '.lock'


@contextlib.contextmanager
def hold(workdir: str | os.PathLike) -> Iterator[None]:
  """Keeps other processes from training in a run directory meanwhile.

  The operating system holds the lock for the process and releases it when the
  process ends, however it ends. So a lock file that a killed process left is
  recognised as stale. The file names the process for the error message. Has no
  effect on systems and file systems without `flock`.

  Args:
    workdir: the run's directory; created if it is missing.

  Raises:
    UserError: another process trains in this directory; names it.
  """
  path = pathlib.Path(workdir) / FILE
  path.parent.mkdir(parents=True, exist_ok=True)
  with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), 'r+') as file:
    if not _lock(file.fileno()):
      raise errors.UserError(
        f'{_owner(file.read())} is training in {workdir} now: wait for its '
        'end, or give another --workdir.'
      )
    here = socket.gethostname()
    # On some network file systems a lock holds for one host only.
    left = _read(file.read())
    if left.get('host', here) != here:
      print(
        f'NOTE: {_owner(json.dumps(left))} did not finish its training in '
        f'{workdir}. If it still runs, stop it.',
        file=sys.stderr,
      )
    _write(file, json.dumps({'host': here, 'process': os.getpid()}))
    try:
      yield
    finally:
      # The file stays: another process may have opened it already.
      _write(file, '')


def _lock(descriptor: int) -> bool:
  """Tries to lock a file; returns False if another process holds the lock."""
  try:
    import fcntl
  except ImportError:  # Not on Windows.
    return True
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    return False
  except OSError:  # The file system has no locks.
    pass
  return True


def _write(file, text: str) -> None:
  """Replaces the content of an open file."""
  file.seek(0)
  file.truncate()
  file.write(text)
  file.flush()


def _read(text: str) -> dict:
  """Returns the content of a lock file; {} if it was released or is damaged."""
  try:
    content = json.loads(text)
  except ValueError:
    return {}
  return content if isinstance(content, dict) else {}


def _owner(text: str) -> str:
  """Returns 'Process N on HOST' for the content of a lock file."""
  content = _read(text)
  if 'process' not in content:
    return 'Another process'
  return f'Process {content["process"]} on {content.get("host")}'
