"""The files of a run directory that describe the run.

config.json     the record: every option, the command, the versions
experiment.py   a copy of the experiment file, so that the run can be used
                after that file has changed or gone
"""

import dataclasses
import difflib
import json
import os
import pathlib
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import files

if TYPE_CHECKING:  # Imports JAX, which is slow.
  from autoencoder.tasks import task as task_lib

CONFIG_FILE = 'config.json'
EXPERIMENT_FILE = 'experiment.py'


class Run(NamedTuple):
  """A run directory as read back.

  Attributes:
    config: the experiment's configuration with the values of the run.
    task: the experiment's functions.
    record: `experiment` (path and argument), `command`, `versions` as saved.
  """

  config: config_lib.Config
  task: 'task_lib.Task'
  record: dict[str, Any]


def save(
  workdir: str | os.PathLike,
  experiment: str | os.PathLike,
  argument: str | None,
  config: config_lib.Config,
  **record: Any,
) -> None:
  """Writes config.json and the copy of the experiment file.

  Args:
    workdir: the run's directory; created if it is missing.
    experiment: path of the experiment file.
    argument: what followed `:` in `--config`, or None.
    config: every option.
    **record: further JSON values to keep, such as the command.
  """
  workdir = pathlib.Path(workdir)
  workdir.mkdir(parents=True, exist_ok=True)
  copy = workdir / EXPERIMENT_FILE
  if pathlib.Path(experiment).resolve() != copy.resolve():
    files.write_bytes(copy, pathlib.Path(experiment).read_bytes())
  else:  # Continued from its own copy: the name of the original is kept.
    experiment = read_record(workdir)['experiment']
  record = {
    'experiment': str(experiment),
    'argument': argument,
    **record,
    'config': config_lib.flatten(config),
  }
  _write_record(workdir, record)


def update_record(workdir: str | os.PathLike, **values: Any) -> None:
  """Adds `values` to config.json."""
  _write_record(pathlib.Path(workdir), read_record(workdir) | values)


def exists(workdir: str | os.PathLike) -> bool:
  """Whether `workdir` holds a run."""
  return (pathlib.Path(workdir) / CONFIG_FILE).is_file()


def has_changed(
  workdir: str | os.PathLike, experiment: str | os.PathLike
) -> bool:
  """Whether `experiment` differs from the copy that the run keeps of it."""
  copy = pathlib.Path(workdir) / EXPERIMENT_FILE
  return copy.is_file() and copy.read_bytes() != (
    pathlib.Path(experiment).read_bytes()
  )


def read_record(workdir: str | os.PathLike) -> dict[str, Any]:
  """Returns config.json.

  Raises:
    UserError: `workdir` holds no run, or its config.json cannot be read.
  """
  path = pathlib.Path(workdir) / CONFIG_FILE
  if not path.is_file():
    raise errors.UserError(
      f'There is no run in {workdir}: {path} is missing. Correct --workdir'
      f'{_near(path.parent)}, or train there first with --config=EXPERIMENT.'
    )
  try:
    record = json.loads(path.read_text())
  except ValueError as error:
    raise errors.UserError(f'{path} is damaged: {error}.') from error
  if not isinstance(record, dict) or not {'experiment', 'config'} <= {*record}:
    raise errors.UserError(
      f'{path} is not that of a run: it names no experiment.'
    )
  return record


def _near(workdir: pathlib.Path) -> str:
  """Returns ' (such as A)' for runs of like names beside `workdir`."""
  beside = workdir.absolute().parent
  runs = [path.parent.name for path in beside.glob(f'*/{CONFIG_FILE}')]
  near = difflib.get_close_matches(workdir.name, runs)
  return f' (there is {", ".join(str(workdir.parent / n) for n in near)})' * (
    len(near) > 0
  )


def load(workdir: str | os.PathLike) -> Run:
  """Returns the run that `workdir` holds.

  Raises:
    UserError: as `read_record`; or the options in config.json do not fit the
      experiment; or the experiment needs an older version of this package.
  """
  record = read_record(workdir)
  try:
    module = experiment_lib.load(pathlib.Path(workdir) / EXPERIMENT_FILE)
    config = experiment_lib.get_config(module, record['argument'])
  except (ImportError, AttributeError, TypeError) as error:
    if not _is_of_another_version(record, error):
      raise
    raise errors.UserError(
      f'The run in {workdir} was trained with another version of this package '
      f'({_version(record)}), and its experiment does not fit this one: '
      f'{error}. Use that version, or train again.'
    ) from error
  assign(config, record['config'])
  return Run(config, module.TASK, record)


def _is_of_another_version(record: dict[str, Any], error: Exception) -> bool:
  """Whether an error of the copied experiment comes from a changed package."""
  if isinstance(error, ImportError):
    return (error.name or '').split('.')[0] == 'autoencoder'
  from autoencoder.runs import provenance  # Imports JAX, which is slow.

  trained = record.get('commit') or ''
  return provenance.base_commit(trained) != provenance.base_commit(
    provenance.commit()
  )


def _version(record: dict[str, Any]) -> str:
  """Returns the commit and the versions that a record names, in words."""
  parts = [f'commit {record["commit"]}'] if record.get('commit') else []
  parts += [
    f'{name} {version}' for name, version in record.get('versions', {}).items()
  ]
  return ', '.join(parts) or 'which one is not recorded'


def assign(config: config_lib.Config, values: dict[str, Any]) -> None:
  """Sets fields of `config` by their dotted names.

  Args:
    config: changed in place.
    values: `{dotted name: value}`, as JSON or flags give them.

  Raises:
    UserError: there is no such option.
  """
  for path, value in values.items():
    if isinstance(value, list):  # JSON has no tuples.
      value = tuple(value)
    try:
      config_lib.set_field(config, path, value)
    except AttributeError as error:
      raise errors.UserError(
        f'The experiment has no option {path}, which the run was trained with: '
        'it has changed since then.'
      ) from error


def check_continuation(
  workdir: str | os.PathLike,
  config: config_lib.Config,
  experiment: str | os.PathLike,
) -> config_lib.Config:
  """Returns the configuration to continue the run in `workdir` with.

  Options marked `resumable` may differ from those of the run, the others may
  not. Channel counts and class weights that `config` leaves open are taken from
  the run. An option that did not exist when the run began has its default.

  Raises:
    UserError: it is not the same run; the message names every difference.
  """
  record = read_record(workdir)
  saved, path = record['config'], pathlib.Path(experiment)
  made_by = pathlib.Path(record['experiment'])
  if path.name not in (made_by.name, EXPERIMENT_FILE):
    raise errors.UserError(
      f'{workdir} holds a run of {made_by}, not of {experiment}. '
      'Use another --workdir.'
    )
  model = dataclasses.replace(config.model)
  for name in ('in_channels', 'out_channels'):
    if getattr(model, name) == 0:
      setattr(model, name, saved[f'model.{name}'])
  options = dataclasses.replace(config.data)
  if options.balance and not options.class_weights:
    # The run counted the classes when it started.
    options.class_weights = tuple(saved.get('data.class_weights', ()))
  config = dataclasses.replace(config, model=model, data=options)
  described = config_lib.describe(config)
  wanted = _as_json(config)
  saved = _as_json(type(config)()) | saved
  changed = [
    f'{name} (run: {saved.get(name)}, asked: {wanted.get(name)})'
    for name in dict.fromkeys([*saved, *wanted])
    if saved.get(name) != wanted.get(name)
    and not (name in described and described[name].resumable)
  ]
  if changed:
    raise errors.UserError(
      f'{workdir} holds a run with other options: {"; ".join(changed)}. '
      'Use another --workdir, or the same options to continue it.'
    )
  return config


def _as_json(config: config_lib.Config) -> dict[str, Any]:
  """Returns the options as they are after a round trip through JSON."""
  return json.loads(json.dumps(config_lib.flatten(config)))


def _write_record(workdir: pathlib.Path, record: dict[str, Any]) -> None:
  """Writes config.json."""
  text = json.dumps(record, indent=2) + '\n'
  files.write_bytes(workdir / CONFIG_FILE, text.encode())
