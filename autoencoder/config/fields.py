"""Access to the fields of nested dataclasses by dotted names."""

import dataclasses
from typing import Any

from autoencoder import errors


def get_field(config: Any, path: str) -> Any:
  """Returns the field at a dotted `path`: `get_field(c, 'train.steps')`."""
  for name in path.split('.'):
    config = getattr(config, name)
  return config


def set_field(config: Any, path: str, value: Any) -> None:
  """Sets the field at a dotted `path`; `AttributeError` if there is none."""
  *parents, name = path.split('.')
  for parent in parents:
    config = getattr(config, parent)
  getattr(config, name)
  setattr(config, name, value)


def variant(config: Any, name: str, variants: dict[str, dict[str, Any]]) -> Any:
  """Returns `config` with the fields of a named variant set.

  Args:
    config: the default; changed in place.
    name: what followed `:` in `--config`; '' is the default itself.
    variants: `{name: {dotted field: value}}`.

  Raises:
    UserError: unknown `name`; the message lists the known ones.
  """
  if name and name not in variants:
    known = ', '.join(f':{known}' for known in variants)
    raise errors.UserError(
      f'This experiment has no variant :{name}; it has {known}.'
    )
  for path, value in variants.get(name, {}).items():
    set_field(config, path, value)
  return config


def flatten(config: Any, prefix: str = '') -> dict[str, Any]:
  """Returns `{dotted path: value}` for every leaf of nested dataclasses."""
  leaves: dict[str, Any] = {}
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    if dataclasses.is_dataclass(value):
      leaves |= flatten(value, f'{prefix}{field.name}.')
    else:
      leaves[prefix + field.name] = value
  return leaves
