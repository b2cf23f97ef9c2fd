"""Every option of a run, typed, with its unit and its reason."""

from autoencoder.config.run import AUGMENTATIONS
from autoencoder.config.run import DTYPES
from autoencoder.config.run import EXECUTORS
from autoencoder.config.run import STEMS
from autoencoder.config.run import UPSAMPLINGS
from autoencoder.config.run import Config
from autoencoder.config.run import DataConfig
from autoencoder.config.run import EvaluationConfig
from autoencoder.config.run import ModelConfig
from autoencoder.config.run import TrainConfig
from autoencoder.config.run import flatten
from autoencoder.config.run import get_field
from autoencoder.config.run import set_field
from autoencoder.config.run import variant

__all__ = [
  'AUGMENTATIONS',
  'Config',
  'DTYPES',
  'DataConfig',
  'EXECUTORS',
  'EvaluationConfig',
  'ModelConfig',
  'STEMS',
  'TrainConfig',
  'UPSAMPLINGS',
  'flatten',
  'get_field',
  'set_field',
  'variant',
]
