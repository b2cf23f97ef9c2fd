"""Turns errors of TFDS into one sentence that says what to do."""

from collections.abc import Iterator
from collections.abc import Sequence
import difflib
import re
import textwrap

import tensorflow_datasets as tfds

from autoencoder.runtime import paths as paths_lib


def explain_name(
  name: str, error: Exception, other_names: Sequence[str]
) -> str:
  """Returns the message for a name that TFDS cannot build.

  Args:
    name: what the user gave.
    error: what TFDS raised.
    other_names: names that are accepted besides those of TFDS.
  """
  if missing := _missing_module(error):
    return f'{name} needs the Python package {missing}: install it.'
  if name and paths_lib.expand(name).exists():
    return f'{name} is a path; for the images in a folder, write folder:{name}'
  entry, *rest = re.split('[/:]', name)
  known = tfds.list_builders(with_community_datasets=False)
  if entry in known:
    if not rest:
      return f'{name} cannot be opened: {brief(error)}'
    configs = list(tfds.builder_cls(entry).builder_configs)
    near = difflib.get_close_matches(rest[0], configs)
    names = [f'{entry}/{config}' for config in near or configs[:10]]
    return (
      f'{name!r} is not in the TFDS catalogue; it has '
      f'{", ".join(names or [entry])}.'
    )
  near = difflib.get_close_matches(entry, [*known, *other_names])
  hint = f' Did you mean {", ".join(near)}?' if near else ''
  return (
    f'{name!r} is not a data set: accepted are {", ".join(other_names)} and '
    f'the names of the TensorFlow Datasets catalogue.{hint}'
  )


def explain_preparation(
  name: str, builder: tfds.core.DatasetBuilder, error: Exception
) -> str:
  """Returns the message for data that TFDS could not prepare."""
  folder = builder.data_path
  if missing := _missing_module(error):
    return (
      f'Preparing {name} needs the Python package {missing}: install it (pip '
      f'install {missing}) and start again. Only preparing needs it; prepared '
      f'data ({folder}) can also be copied from another machine.'
    )
  reason = f'{type(error).__name__}: {brief(error)}'
  return (
    f'{name} could not be downloaded and prepared ({reason}). Check network '
    f'and disk, or copy prepared data from another machine to {folder}.'
  )


def _missing_module(error: BaseException | None) -> str | None:
  """Returns the module whose absence caused `error`, or None."""
  for cause in _causes(error):
    if isinstance(cause, ModuleNotFoundError) and cause.name:
      return cause.name.partition('.')[0]
  return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
  """Yields `error`, its cause, the cause of that, and so on."""
  while error is not None:
    yield error
    error = error.__cause__ or error.__context__


def brief(error: Exception) -> str:
  """Returns the most informative line of the message, shortened."""
  lines = str(error).strip().splitlines() or ['no reason given']
  if lines[0].endswith(':'):  # Then TFDS gives the reason in the last line.
    lines.reverse()
  return textwrap.shorten(lines[0], 200, placeholder=' ...')
