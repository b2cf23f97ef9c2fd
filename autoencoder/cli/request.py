"""The request of a person: the flags after parsing and checking."""

import dataclasses
import pathlib
from typing import Any

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.cli import chosen as chosen_lib
from autoencoder.cli import guard
from autoencoder.cli import interface
from autoencoder.config import options
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runtime import paths
from autoencoder.tasks import task as task_lib


@dataclasses.dataclass(frozen=True)
class Request:
  """The request that the flags make.

  Attributes:
    workdir: the run's directory.
    config: every option, validated.
    task: the experiment's functions.
    experiment: path of the experiment file.
    argument: its variant, or None.
    overrides: options given as flags, by dotted name.
    defaults: options of the experiment without a variant, by dotted name; None
      loads the experiment file for them.
    data: source to evaluate on, or None for the run's own.
    input: file or folder to apply the model to, or None.
    output: folder for the results, or None.
    mask: picture or folder that is white in the holes of `input`, or None.
    strength: how much of the restoration to take, or None for all of it.
    stretch: whether to brighten 16-bit pictures that use the lower bits only.
    quality: quality to compress with, or None for the default.
    overwrite: whether existing results may be replaced.
  """

  workdir: pathlib.Path
  config: config_lib.Config
  task: task_lib.Task
  experiment: str
  argument: str | None = None
  overrides: dict[str, Any] = dataclasses.field(default_factory=dict)
  defaults: dict[str, Any] | None = None
  data: str | None = None
  input: str | None = None
  output: str | None = None
  mask: str | None = None
  strength: float | None = None
  stretch: bool = False
  quality: int | None = None
  overwrite: bool = False


def make(
  chosen: chosen_lib.Chosen, values: Any, overrides: dict[str, Any]
) -> Request:
  """Turns parsed flags into a request.

  Args:
    chosen: the experiment; its `config` has the values of the flags.
    values: the flags, as attributes.
    overrides: the options that flags set, by dotted name.

  Raises:
    UserError: an option has an impossible value, or no effect in this mode.
  """
  config, mode = chosen.config, interface.MODES[values.mode]
  options.split_words(config)
  described = config_lib.describe(config)
  task = guard.guard(chosen.task, chosen.path)
  if chosen.trained is not None and not mode.trains:
    for name in overrides:
      _check_has_an_effect(described[name], mode, chosen)
  for option in described.values():
    # Such an option would change the report of a training run silently.
    default = _class_default(config, option.name)
    if (
      option.roles == (options.EVALUATING,)
      and options.EVALUATING not in mode.roles
      and option.value != default
    ):
      raise errors.UserError(_belongs_elsewhere(option, mode))
  with experiment_lib.blame(chosen.path, 'Config.validate()'):
    config.validate()
  if task.out_channels is not None:
    asked, built = task.out_channels(config), config.model.out_channels
    if built not in (0, asked):
      raise errors.UserError(
        f'With these options the model needs {asked} output channels; the '
        f'model of the run has {built}.'
      )
  return Request(
    workdir=chosen.workdir,
    config=config,
    task=task,
    experiment=chosen.path,
    argument=chosen.argument,
    overrides=overrides,
    defaults=chosen.defaults,
    **{
      name: _value(flag, getattr(values, name))
      for name, flag in interface.FLAGS.items()
      if name not in ('config', 'mode', 'workdir')
    },
  )


def _value(flag: interface.Flag, value: Any) -> Any:
  """Returns the value of a flag, with `~` expanded in paths."""
  return str(paths.expand(value)) if flag.is_path and value else value


def _class_default(config: config_lib.Config, name: str) -> Any:
  return config_lib.get_field(type(config)(), name)


def _check_has_an_effect(
  option: config_lib.Option, mode: interface.Mode, chosen: chosen_lib.Chosen
) -> None:
  """Raises `UserError` for an option that would change nothing in this mode."""
  if option.roles is None:  # Only the task knows.
    applied = chosen.task.applied
    if not mode.reads_pictures or applied is None:
      return
    if option.name not in applied(chosen.config):
      raise errors.UserError(
        f'--config.{option.name} would change nothing about '
        f'--mode={mode.name} of this run: it belongs to training or to '
        '--mode=evaluate.'
      )
  elif option.roles == (options.TRAINING,):
    trained = (chosen.trained or {}).get(option.name)
    raise errors.UserError(
      f'--config.{option.name} belongs to training and would change nothing '
      f'here: this run was trained with {trained}.'
    )
  elif not set(option.roles) & set(mode.roles):
    raise errors.UserError(_belongs_elsewhere(option, mode))


def _belongs_elsewhere(option: config_lib.Option, mode: interface.Mode) -> str:
  """Says in which modes an option has an effect."""
  return (
    f'--config.{option.name} would change nothing about --mode={mode.name}: it '
    f'belongs to --mode={" or ".join(interface.modes_of(option))}.'
  )
