"""What a person asked for, after the flags have been understood."""

import dataclasses
import pathlib
from typing import Any

from autoencoder import config as config_lib
from autoencoder.tasks import task as task_lib


@dataclasses.dataclass(frozen=True)
class Request:
  """What the flags ask for.

  Attributes:
    workdir: the run's directory.
    config: every option, validated.
    task: the experiment's functions.
    experiment: path of the experiment file.
    argument: its variant, or None.
    overrides: options given as flags, by dotted name.
    data: source to evaluate on, or None for the run's own.
    input: file or folder to apply the model to, or None.
    output: folder for the results, or None.
    mask: picture or folder that is white in the holes of `input`, or None.
    strength: how much of the restoration to take, or None for all of it.
    stretch: whether to brighten 16-bit pictures that use the lower bits only.
    quality: rate to compress to, or None for the default.
    overwrite: whether existing results may be replaced.
  """

  workdir: pathlib.Path
  config: config_lib.Config
  task: task_lib.Task
  experiment: str
  argument: str | None = None
  overrides: dict[str, Any] = dataclasses.field(default_factory=dict)
  data: str | None = None
  input: str | None = None
  output: str | None = None
  mask: str | None = None
  strength: float | None = None
  stretch: bool = False
  quality: int | None = None
  overwrite: bool = False
