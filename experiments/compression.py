"""Compression: a photo to a small file, and back.

    python launch.py --config=experiments/compression.py --workdir=runs/cae

Five minutes on 2 CPU cores. Measures by writing files at each of 9 qualities
and reading them back, beside JPEG, JPEG 2000 and WebP. Then, for one's own:
--mode=compress and --mode=decompress. Variants: `:factorized`, without side
information; `:ms_ssim`, trained for that measure; `:benchmark`, from the folder
BSD400, measured on Kodak24 (half an hour); `:smoke`.
"""

import dataclasses

from autoencoder import config as config_lib
from autoencoder.evaluation import compression as evaluation
from autoencoder.models import compression
from autoencoder.tasks import compression as rate_distortion
from autoencoder.tasks import task


@dataclasses.dataclass
class Config(config_lib.Config):
  # Beyond `model`: activation, prior and channels of the side information.
  codec: compression.Options = dataclasses.field(
    default_factory=compression.Options
  )
  # The error that bits are weighed against: 'mse' or 'ms_ssim'.
  distortion: str = 'mse'
  # Of held-out images while training, and in the pictures of the report: 1,
  # the smallest files, to 9. Training itself draws it, for each image.
  quality: int = 4
  # Set while measuring: rounds as files do, at `quality`.
  measured: bool = False

  def for_evaluation(self):
    return dataclasses.replace(self, measured=True)

  def validate(self):
    super().validate()
    self.codec.validate()
    rate_distortion.check(
      self.distortion, self.quality, self.data.channels, self.data.crop
    )


def get_config(variant=''):
  config = Config()
  config.model = dataclasses.replace(
    config.model, widths=(64, 96), blocks=0, latent_channels=192, kernel=4,
    skips=False, residual=False,
  )  # fmt: skip
  config.data.crop, config.train.batch_size = 128, 8
  config.train.steps, config.train.clip_norm = 2000, 1.0
  config.train.learning_rate, config.train.weight_decay = 1e-2, 1e-4
  bsd = {'data.source': 'folder:BSD400', 'data.test_source': 'folder:Kodak24'}
  return config_lib.variant(
    config,
    variant,
    {
      'factorized': {'codec.prior': 'factorized'},
      'ms_ssim': {'distortion': 'ms_ssim', 'data.crop': 192},
      'benchmark': bsd | {'data.color_jitter': False, 'train.steps': 12_000},
      'smoke': {'train.steps': 50, 'model.widths': (48, 64), 'data.crop': 64},
    },
  )


TASK = task.Task(
  make_example=rate_distortion.make_example,
  loss=rate_distortion.loss,
  metrics=rate_distortion.metrics,
  picture=rate_distortion.picture,
  unprocessed=None,
  build_model=lambda config, rngs: compression.build(
    config.model, config.codec, rngs=rngs
  ),
  applied=lambda config: (),
  forward=rate_distortion.forward,
  logged=('psnr', 'bpp'),
  measure=evaluation.measure,
)
