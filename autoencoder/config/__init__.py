"""The options of a run: typed, with help, range and role."""

from autoencoder.config.data import AUGMENTATIONS
from autoencoder.config.data import DataConfig
from autoencoder.config.fields import flatten
from autoencoder.config.fields import get_field
from autoencoder.config.fields import set_field
from autoencoder.config.fields import variant
from autoencoder.config.model import DTYPES
from autoencoder.config.model import STEMS
from autoencoder.config.model import ModelConfig
from autoencoder.config.options import Option
from autoencoder.config.options import check
from autoencoder.config.options import describe
from autoencoder.config.options import option
from autoencoder.config.options import type_name
from autoencoder.config.run import EXECUTORS
from autoencoder.config.run import Config
from autoencoder.config.train import EvaluationConfig
from autoencoder.config.train import TrainConfig

__all__ = [
  'AUGMENTATIONS',
  'Config',
  'DTYPES',
  'DataConfig',
  'EXECUTORS',
  'EvaluationConfig',
  'ModelConfig',
  'Option',
  'STEMS',
  'TrainConfig',
  'check',
  'describe',
  'flatten',
  'get_field',
  'option',
  'set_field',
  'type_name',
  'variant',
]
