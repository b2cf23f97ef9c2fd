"""The options of the learned image codec, and the model that they describe."""

import dataclasses

from flax import nnx

from autoencoder import config as config_lib
from autoencoder.models import compression_model
from autoencoder.models import transforms


@dataclasses.dataclass
class Options:
  """The options of a compression model, besides `config.ModelConfig`."""

  activation: str = config_lib.option(
    'gdn',
    help="'gdn' (generalised divisive normalisation) or 'relu'.",
    role='training',
    choices=transforms.ACTIVATIONS,
  )
  prior: str = config_lib.option(
    'hyperprior',
    help="'hyperprior' sends side information about means and scales of the "
    "latent; 'factorized' assumes one distribution per channel.",
    role='training',
    choices=compression_model.PRIORS,
  )
  hyper_channels: int = config_lib.option(
    48,
    help='Channels of the side information.',
    role='training',
    low=1,
  )

  def validate(self) -> None:
    """Raises `UserError` that names the first option with a wrong value."""
    config_lib.check(self, 'codec.')


def build(
  config: config_lib.ModelConfig, options: Options, *, rngs: nnx.Rngs
) -> compression_model.CompressionModel:
  """Returns the untrained model that `config` and `options` describe.

  NOTE: `config` belongs to the autoencoder of the other tasks. Its `skips`,
  `residual`, `upsampling`, `stem_stride` and `scale` are not used.

  Args:
    config: architecture of the transforms.
    options: activation and entropy model.
    rngs: parameter key.
  """
  return compression_model.CompressionModel(
    config.in_channels,
    widths=config.widths,
    latent_channels=config.latent_channels,
    blocks=config.blocks,
    kernel=config.kernel,
    dtype=config.dtype,
    **dataclasses.asdict(options),
    rngs=rngs,
  )
