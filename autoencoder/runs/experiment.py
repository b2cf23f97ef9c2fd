"""Experiment files: loading them, and errors inside them.

An experiment file is Python code that defines `get_config(variant='')` and
`TASK`. People write their own, so an error in one must lead to its line.
"""

from collections.abc import Iterator
import contextlib
import dis
import hashlib
import importlib.util
import os
import pathlib
import sys
import types
from typing import Any

from autoencoder import errors

# Modules by path and content: a command needs an experiment in several places
# and executes it once.
_LOADED: dict[bytes, types.ModuleType] = {}


def load(path: str | os.PathLike) -> types.ModuleType:
  """Imports an experiment file, or returns the module of an earlier import.

  A file of the same content is not executed again in this process, even if it
  is a copy in another folder.

  Args:
    path: a Python file that defines `get_config` and `TASK`.

  Raises:
    UserError: there is no such file, or it is not an experiment.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise errors.UserError(f'There is no experiment file {path}.')
  digest = hashlib.sha256(path.read_bytes())
  if digest.digest() in _LOADED:
    return _LOADED[digest.digest()]
  # A name of its own: dataclasses look up their module by it.
  name = f'experiment_{path.stem}_{digest.hexdigest()[:8]}'
  spec = importlib.util.spec_from_file_location(name, path)
  if spec is None or spec.loader is None:
    raise errors.UserError(f'{path} is not a Python file.')
  module = importlib.util.module_from_spec(spec)
  sys.modules[name] = module
  with blame(path, 'loading the file'):
    spec.loader.exec_module(module)
  for needed in ('get_config', 'TASK'):
    if not hasattr(module, needed):
      raise errors.UserError(
        f'{path} is not an experiment: it defines no {needed}. An experiment '
        'defines get_config() and TASK; experiments/denoising.py is an example.'
      )
  _LOADED[digest.digest()] = module
  return module


def get_config(module: types.ModuleType, variant: str | None) -> Any:
  """Returns `module.get_config()` for what follows `:` in `--config`.

  Raises:
    UserError: the experiment has no such variant, or a `raise` statement of
      the file raised `ValueError`.
  """
  with blame(str(module.__file__), 'get_config()'):
    return module.get_config(*([] if variant is None else [variant]))


@contextlib.contextmanager
def blame(path: str | os.PathLike, action: str) -> Iterator[None]:
  """Explains errors that the code of an experiment file raises.

  A `ValueError` from a `raise` statement of the file is a message for the
  person, and so is an `OSError` about a file that it opens: each becomes a
  `UserError` that names the line. Other errors are defects of its code: they
  keep their type and traceback, and `explanation` returns a line about them.

  Args:
    path: the experiment file.
    action: what was done when the error occurred, such as 'get_config()'.
  """
  try:
    yield
  except errors.UserError:
    raise
  except Exception as error:
    line = _line(path, error)
    if line is None:
      explain(error, f'{path}: {action} failed.')
      raise
    reason = (
      f'{error.filename}: {error.strerror}'
      if isinstance(error, OSError)
      else str(error)
    )
    raise errors.UserError(
      f'{reason.rstrip(".")} ({path}, line {line}).'
    ) from error


def explain(error: BaseException, line: str) -> None:
  """Attaches a line that says what failed; an earlier one is kept."""
  if explanation(error) is None:
    error.explanation = line  # type: ignore[attr-defined]  # Ours.


def explanation(error: BaseException) -> str | None:
  """Returns the line that `explain` attached to an error, or None."""
  return getattr(error, 'explanation', None)


def _line(path: str | os.PathLike, error: Exception) -> int | None:
  """Returns the line of the experiment file that reports a mistake, or None.

  It is None if the error is a defect: if a function that the file calls raised
  it, or an operation such as `reshape`.
  """
  last = error.__traceback__
  while last is not None and last.tb_next is not None:
    last = last.tb_next
  if last is None:
    return None
  code = last.tb_frame.f_code
  if os.path.realpath(code.co_filename) != os.path.realpath(path):
    return None
  if isinstance(error, OSError):
    return last.tb_lineno if error.filename is not None else None
  raised = dis.opname[code.co_code[last.tb_lasti]] == 'RAISE_VARARGS'
  return last.tb_lineno if raised and isinstance(error, ValueError) else None
