"""Options that describe themselves: help, role, range, choices.

A group of options is a dataclass. Its fields are plain (`sigma: float = 25.0`)
or made by `option`, which keeps everything there is to know about an option in
one place. Help pages, validation and the checks of the command line read it
from there, so a new option or group needs no change elsewhere.
"""

from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import math
import types
import typing
from typing import Any

from autoencoder import errors

# The parts of the program that an option can have an effect on.
TRAINING = 'training'  # A trained run has fixed it.
MEASURING = 'measuring'  # Which images are measured and shown, and how.
EVALUATING = 'evaluating'  # Only a separate measurement (`--mode=evaluate`).
APPLYING = 'applying'  # What a trained model makes of a person's pictures.
ROLES = (TRAINING, MEASURING, EVALUATING, APPLYING)

_KEYS = frozenset(
  ('help', 'role', 'low', 'high', 'above', 'below', 'choices', 'resumable')
)


def option(
  default: Any,
  *,
  help: str,
  role: str | tuple[str, ...] | None = None,
  low: float | None = None,
  high: float | None = None,
  above: float | None = None,
  below: float | None = None,
  choices: tuple[Any, ...] | None = None,
  resumable: bool = False,
) -> Any:
  """Returns a dataclass field that describes itself.

  The same keys in `dataclasses.field(metadata=...)` have the same effect, for
  modules that cannot import this one.

  Args:
    default: the default value; immutable.
    help: what the option does, its unit, and why one would change it.
    role: the part of the program that the option affects, one or several of
      `ROLES`. None is right for options of a task: they may affect all, and
      `Task.applied` says which of them affect a person's pictures.
    low: least value accepted. Bounds hold for each element of a tuple.
    high: largest value accepted.
    above: bound that a value must exceed.
    below: bound that a value must not reach.
    choices: the values accepted; for tuples, of each element.
    resumable: whether a run may be continued with another value. False if
      another value would give the checkpoints another meaning.

  Example:

    @dataclasses.dataclass
    class Options:
      rate: float = option(0.5, help='Probability of a hole.', low=0, high=1)
  """
  roles = (role,) if isinstance(role, str) else role
  unknown = set(roles or ()) - set(ROLES)
  if unknown:
    raise ValueError(f'role takes some of {ROLES}; got {sorted(unknown)}.')
  return dataclasses.field(
    default=default,
    metadata={
      'help': help,
      'role': roles,
      'low': low,
      'high': high,
      'above': above,
      'below': below,
      'choices': choices,
      'resumable': resumable,
    },
  )


@dataclasses.dataclass(frozen=True)
class Option:
  """The declaration of one option.

  Attributes:
    name: dotted, such as 'train.steps'.
    hint: type annotation.
    value: its value in the configuration described.
    metadata: arguments of `option`; empty for a plain field.
  """

  name: str
  hint: Any
  value: Any
  metadata: Mapping[str, Any]

  @property
  def help(self) -> str:
    """The help text of the option; empty for a plain field."""
    return self.metadata.get('help', '')

  @property
  def roles(self) -> tuple[str, ...] | None:
    """The part of the program it affects; None if only the task knows."""
    return self.metadata.get('role')

  @property
  def resumable(self) -> bool:
    """Whether a run may be continued with another value."""
    return self.metadata.get('resumable', False)

  @property
  def type_name(self) -> str:
    """Returns the type in words, such as 'whole number'."""
    return type_name(self.hint)

  @property
  def accepted(self) -> str:
    """Returns the accepted values in words; empty if every value is."""
    choices = self.metadata.get('choices')
    if choices is not None:
      return ', '.join(map(repr, choices))
    return _range(self.metadata, _is_float(self.hint))

  def check(self) -> None:
    """Raises `UserError` for a value of another type or out of range."""
    if not _matches(self.value, self.hint):
      raise errors.UserError(
        f'{self.name} takes {self.type_name}; got {self.value!r}.'
      )
    many = isinstance(self.value, tuple)
    for value in self.value if many else (self.value,):
      choices = self.metadata.get('choices')
      if choices is not None:
        if value not in choices:
          raise errors.UserError(
            f'{self.name} takes {"some of " if many else ""}{self.accepted}; '
            f'got {value!r}.'
          )
      elif not _in_range(value, self.metadata):
        raise errors.UserError(
          f'{self.name} must be {self.accepted}{" each" if many else ""}; got '
          f'{value}.'
        )


def describe(config: Any, prefix: str = '') -> dict[str, Option]:
  """Returns `{dotted name: Option}` for every option, in their order."""
  return {found.name: found for found in _walk(config, prefix)}


def _walk(config: Any, prefix: str) -> Iterator[Option]:
  hints = typing.get_type_hints(type(config))
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    name = prefix + field.name
    if dataclasses.is_dataclass(value):
      yield from _walk(value, f'{name}.')
    else:
      metadata = {k: v for k, v in field.metadata.items() if k in _KEYS}
      if isinstance(metadata.get('role'), str):
        metadata['role'] = (metadata['role'],)
      yield Option(name, hints[field.name], value, metadata)


def check(config: Any, prefix: str = '') -> None:
  """Raises `UserError` for the first option with an impossible value.

  Checks types, choices and ranges, then calls `validate()` of each nested
  group that has one.
  """
  for found in _walk(config, prefix):
    found.check()
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    if dataclasses.is_dataclass(value) and hasattr(value, 'validate'):
      value.validate()


def split_words(config: Any) -> None:
  """Changes `('a,b',)` to `('a', 'b')` in fields of type `tuple[str, ...]`.

  Command-line flags do not split strings at commas.
  """
  hints = typing.get_type_hints(type(config))
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    if dataclasses.is_dataclass(value):
      split_words(value)
    elif hints[field.name] == tuple[str, ...]:
      words = [word.strip() for each in value for word in each.split(',')]
      setattr(config, field.name, tuple(words))


def type_name(hint: Any) -> str:
  """Returns a type in words, such as 'a whole number' for `int`."""
  names = {
    int: 'a whole number',
    float: 'a number',
    bool: 'True or False',
    str: 'text',
    tuple[int, ...]: 'whole numbers with commas between them',
    tuple[float, ...]: 'numbers with commas between them',
    tuple[str, ...]: 'words with commas between them',
  }
  if hint in names:
    return names[hint]
  return str(hint) if typing.get_args(hint) else getattr(hint, '__name__', '')


def _matches(value: Any, hint: Any) -> bool:
  """Whether `value` is of the type `hint`, a tuple or union of types too."""
  origin, args = typing.get_origin(hint), typing.get_args(hint)
  if hint is Any:
    return True
  if origin in (typing.Union, types.UnionType):
    return any(_matches(value, arg) for arg in args)
  if origin is tuple:
    return isinstance(value, tuple) and all(_matches(v, args[0]) for v in value)
  if hint is float:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
  if hint is int:
    return isinstance(value, int) and not isinstance(value, bool)
  return isinstance(value, origin or hint)


def _bounds(metadata: Mapping[str, Any]) -> dict[str, Any]:
  names = 'low', 'high', 'above', 'below'
  given = {name: metadata.get(name) for name in names}
  return {name: bound for name, bound in given.items() if bound is not None}


def _in_range(value: Any, metadata: Mapping[str, Any]) -> bool:
  bounds = _bounds(metadata)
  return not bounds or (
    math.isfinite(value)
    and bounds.get('low', value) <= value <= bounds.get('high', value)
    and ('above' not in bounds or value > bounds['above'])
    and ('below' not in bounds or value < bounds['below'])
  )


def _range(metadata: Mapping[str, Any], finite: bool) -> str:
  """Returns bounds in words: 'at least 1', 'in [0, 1)'."""
  bounds = _bounds(metadata)
  lower = bounds.get('above', bounds.get('low'))
  upper = bounds.get('below', bounds.get('high'))
  if lower is None and upper is None:
    return ''
  if lower is not None and upper is not None:
    left = '(' if 'above' in bounds else '['
    return f'in {left}{lower}, {upper}{")" if "below" in bounds else "]"}'
  if lower is not None:
    words = f'{"above" if "above" in bounds else "at least"} {lower}'
  else:
    words = f'{"below" if "below" in bounds else "at most"} {upper}'
  return words + (' and finite' if finite else '')


def _is_float(hint: Any) -> bool:
  return hint is float or float in typing.get_args(hint)
