"""Compression: encodes a photo as a small file and decodes it.

    python launch.py --config=experiments/compression.py --workdir=runs/cae

Five minutes on 2 CPU cores. The evaluation writes files at each of 9 qualities,
reads them back and compares them with JPEG, JPEG 2000 and WebP. The trained
model then works on your pictures with --mode=compress and --mode=decompress.

Variants:
  :factorized  without side information.
  :ms_ssim     trained for MS-SSIM instead of squared error.
  :benchmark   trains on the folder BSD400 and measures on Kodak24; half an
               hour. Set data.source and data.test_source if the folders are
               elsewhere.
  :smoke       a short run that shows that everything works.
"""

import dataclasses

from autoencoder import config as config_lib
from autoencoder.evaluation import compression as evaluation
from autoencoder.models import compression
from autoencoder.tasks import compression as rate_distortion
from autoencoder.tasks import restoration
from autoencoder.tasks import task


@dataclasses.dataclass
class Config(config_lib.Config):
  codec: compression.Options = dataclasses.field(
    default_factory=compression.Options
  )
  distortion: str = config_lib.option(
    'mse',
    help="The error that the loss weighs against bits: 'mse' or 'ms_ssim'.",
    choices=tuple(rate_distortion.PRICES),
  )
  quality: int = config_lib.option(
    4,
    help='Quality of held-out images during training and of the pictures in '
    'the report: 1 (smallest files) to 9. Training draws a quality for each '
    'image.',
  )
  measured: bool = config_lib.option(
    False,
    help='Rounds the latent as files do, at the given quality. Set by the '
    'evaluation; not meant for the command line.',
  )

  def for_evaluation(self):
    return dataclasses.replace(self, measured=True)

  def validate(self):
    super().validate()
    rate_distortion.check(
      self.distortion, self.quality, self.data.channels, self.data.crop
    )


def get_config(variant=''):
  config = Config()
  config.model.widths = (64, 96)
  config.model.blocks = 0
  config.model.latent_channels = 192
  config.model.kernel = 4
  config.model.skips = False
  config.model.residual = False
  config.data.crop = 128
  config.train.steps = 2000
  config.train.batch_size = 8
  config.train.clip_norm = 1.0
  config.train.learning_rate = 1e-2
  config.train.weight_decay = 1e-4
  variants = {
    'factorized': {'codec.prior': 'factorized'},
    'ms_ssim': {
      'distortion': 'ms_ssim',
      'data.crop': 192,
    },
    'benchmark': restoration.BSD
    | {
      'data.test_source': 'folder:Kodak24',
      'train.steps': 12_000,
    },
    'smoke': {
      'model.widths': (48, 64),
      'data.crop': 64,
      'train.steps': 50,
    },
  }
  return config_lib.variant(config, variant, variants)


def build_model(config, rngs):
  return compression.build(config.model, config.codec, rngs=rngs)


TASK = task.Task(
  make_example=rate_distortion.make_example,
  loss=rate_distortion.loss,
  metrics=rate_distortion.metrics,
  picture=rate_distortion.picture,
  unprocessed=None,
  build_model=build_model,
  applied=lambda config: (),
  forward=rate_distortion.forward,
  logged=('psnr', 'bpp'),
  measure=evaluation.measure,
)
