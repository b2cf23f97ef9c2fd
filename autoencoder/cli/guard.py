"""Task functions that explain which of them failed, and on what."""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.runs import experiment as experiment_lib
from autoencoder.tasks import task as task_lib


def guard(task: task_lib.Task, path: str) -> task_lib.Task:
  """Returns a task whose functions explain their errors.

  An error keeps its type and traceback. `experiment.explanation` then returns a
  line with the function's name and its arguments: shapes and types of arrays,
  and the options of the task.

  Args:
    task: an experiment's functions.
    path: the experiment file, for the message.
  """
  changes: dict[str, Any] = {}
  for field in dataclasses.fields(task):
    value = getattr(task, field.name)
    if callable(value):
      changes[field.name] = _guarded(value, field.name, path)
    elif isinstance(value, Mapping):
      changes[field.name] = {
        name: _guarded(function, f'{field.name}[{name!r}]', path)
        if callable(function)
        else function
        for name, function in value.items()
      }
  return dataclasses.replace(task, **changes)


def _guarded(
  function: Callable[..., Any], name: str, path: str
) -> Callable[..., Any]:
  @functools.wraps(function)
  def call(*args: Any, **kwargs: Any) -> Any:
    try:
      return function(*args, **kwargs)
    except (errors.UserError, ImportError):  # An absent optional package.
      raise
    except Exception as error:
      given = [describe(value) for value in args]
      given += [f'{key}={describe(value)}' for key, value in kwargs.items()]
      experiment_lib.explain(
        error,
        f"{path}: the task's {name}({', '.join(given)}) raised "
        f'{type(error).__name__}.',
      )
      raise

  return call


def describe(value: Any) -> str:
  """Returns an argument in short: 'float32[64,64,3]' for an array.

  Example:

    >>> import numpy as np
    >>> describe({'image': np.zeros((4, 5, 3), np.uint8), 'index': 3})
    "{'image': uint8[4,5,3], 'index': 3}"
  """
  if hasattr(value, 'shape') and hasattr(value, 'dtype'):
    return f'{value.dtype}[{",".join(map(str, value.shape))}]'
  if isinstance(value, config_lib.Config):
    common = {field.name for field in dataclasses.fields(config_lib.Config)}
    own = {
      name: option
      for name, option in config_lib.flatten(value).items()
      if name.split('.')[0] not in common
    }
    options = ', '.join(f'{name}={option!r}' for name, option in own.items())
    return f'config({options})'
  if isinstance(value, tuple) and hasattr(value, '_fields'):
    inner = zip(value._fields, value)
    parts = [f'{name}={describe(part)}' for name, part in inner]
    return f'{type(value).__name__}({", ".join(parts)})'
  if isinstance(value, Mapping):
    parts = [f'{key!r}: {describe(part)}' for key, part in value.items()]
    return '{' + ', '.join(parts) + '}'
  if isinstance(value, tuple | list):
    return f'({", ".join(map(describe, value))})'
  if value is None or isinstance(value, bool | int | float | str):
    return repr(value)
  return type(value).__name__
