"""The configuration of a run: all groups of options together.

An experiment file returns one `Config` or its own subclass with more fields.
Flags override single fields: `--config.model.widths=32,64`. They do so after
construction, so nothing is derived in `__post_init__`; `validate` is called
once everything is set.
"""

import dataclasses
from typing import Self

from autoencoder.config import data as data_lib
from autoencoder.config import model as model_lib
from autoencoder.config import options
from autoencoder.config import train as train_lib

EXECUTORS = ('jit', 'pmap')


@dataclasses.dataclass
class Config:
  """The options of a run; experiments add theirs in a subclass."""

  seed: int = options.option(
    0,
    help='Seed of the initialisation, the order of the data and the '
    'corruption.',
    role=options.TRAINING,
    low=0,
  )
  parallel: str = options.option(
    'jit',
    help="How several devices share the work: 'jit' compiles one program over "
    "a device mesh, 'pmap' one program per device.",
    role=options.TRAINING,
    choices=EXECUTORS,
    resumable=True,
  )
  model: model_lib.ModelConfig = dataclasses.field(
    default_factory=model_lib.ModelConfig
  )
  data: data_lib.DataConfig = dataclasses.field(
    default_factory=data_lib.DataConfig
  )
  train: train_lib.TrainConfig = dataclasses.field(
    default_factory=train_lib.TrainConfig
  )
  evaluation: train_lib.EvaluationConfig = dataclasses.field(
    default_factory=train_lib.EvaluationConfig
  )

  def for_evaluation(self) -> Self:
    """Returns the configuration to measure with.

    Override it if training draws at random what a measurement holds fixed,
    such as the noise level.
    """
    return self

  def validate(self) -> None:
    """Raises `UserError` that names the first option with a wrong value."""
    options.check(self)
