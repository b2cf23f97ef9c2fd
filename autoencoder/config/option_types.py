"""Whether options are of the types that they are declared with."""

import dataclasses
import types
import typing
from typing import Any


def check(config: Any, prefix: str = '') -> None:
  """Raises `ValueError` for a leaf that is not of its annotated type.

  Flags are parsed leniently (`--config.model.widths=a,b` becomes a tuple of
  one string), and the resulting shape error would name neither.
  """
  hints = typing.get_type_hints(type(config))
  for field in dataclasses.fields(config):
    value, hint = getattr(config, field.name), hints[field.name]
    if dataclasses.is_dataclass(value):
      check(value, f'{prefix}{field.name}.')
    elif not _matches(value, hint):
      expected = (
        getattr(hint, '__name__', None)
        if not typing.get_args(hint)
        else str(hint)
      )
      raise ValueError(f'{prefix}{field.name} takes {expected}; got {value!r}.')


def split_words(config: Any) -> None:
  """Changes `('a,b',)`, as flags read `a,b`, to `('a', 'b')` in each field.

  Args:
    config: nested dataclasses; fields of `tuple[str, ...]` are changed.
  """
  hints = typing.get_type_hints(type(config))
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    if dataclasses.is_dataclass(value):
      split_words(value)
    elif hints[field.name] == tuple[str, ...]:
      words = [word.strip() for each in value for word in each.split(',')]
      setattr(config, field.name, tuple(words))


def _matches(value: Any, hint: Any) -> bool:
  """Whether `value` is of the type `hint`, tuples and unions looked into."""
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  if origin in (typing.Union, types.UnionType):
    return any(_matches(value, arg) for arg in args)
  if origin is tuple:
    return isinstance(value, tuple) and all(_matches(v, args[0]) for v in value)
  if hint is float:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
  if hint is int:
    return isinstance(value, int) and not isinstance(value, bool)
  return isinstance(value, hint)


def one_of(name: str, value: Any, accepted: tuple[Any, ...]) -> None:
  """Raises `ValueError` unless `value` is one of `accepted`."""
  if value not in accepted:
    raise ValueError(
      f'{name} takes {", ".join(map(repr, accepted))}; got {value!r}.'
    )
