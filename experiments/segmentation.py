"""Semantic segmentation: assigns a class to every pixel of a photo.

    python launch.py --config=experiments/segmentation.py --workdir=runs/scenes

Trains on photographs with digits on them, which the package composes itself:
3 minutes on 2 CPU cores of an AMD EPYC, then a mean IoU of 0.83 on its test
scenes. docs/segmentation.md shows how to use your own photos and labels.

Variants:
  :noskips  everything passes through the bottleneck, as in DeconvNet.
  :unpool   max-unpooling, as in SegNet.
  :photos   for your own photographs and labels.
  :camvid   street scenes of 480 x 360 pixels; an hour. Trains on the folder
            CamVid and measures on its validation set; set data.source and
            data.test_source if it is elsewhere. `--mode=evaluate
            --data=folder:CamVid` measures on its test set.
            benchmarks/segmentation.py does all of it.
  :smoke    a short run that shows that everything works.
"""

import dataclasses

from autoencoder import config as config_lib
from autoencoder.tasks import segmentation


@dataclasses.dataclass
class Config(config_lib.Config):
  loss: str = config_lib.option(
    'cross_entropy',
    help="'cross_entropy', 'dice', 'focal', or a sum of them such as "
    "'cross_entropy+dice'.",
  )

  def validate(self):
    super().validate()
    segmentation.check(self)


def get_config(variant=''):
  config = Config()
  config.model.residual = False
  config.model.widths = (48, 96, 128)
  config.model.latent_channels = 128
  config.model.stem_stride = 4
  config.data.source = 'scenes'
  config.data.classes = 'scenes'
  config.data.crop = 128
  config.data.augment = 'none'
  config.data.scale_range = (1.0, 1.15)
  config.train.steps = 2900
  config.train.batch_size = 8
  config.train.clip_norm = 1.0
  config.train.ema_decay = 0.99
  photos = {
    'data.augment': 'flip',
    'data.color_jitter': False,  # The colour helps: the sky is not red.
    'data.tone_jitter': 0.3,
    'data.scale_range': (0.5, 1.5),
    'data.balance': 0.5,
  }
  variants = {
    'noskips': {'model.skips': False},
    'unpool': {
      'model.skips': False,
      'model.upsampling': 'unpool',
      'model.stem_stride': 2,
      'model.widths': (32, 48, 96, 128),
    },
    'photos': photos,
    'camvid': photos
    | {
      'data.source': 'folder:CamVid',
      'data.test_source': 'folder:CamVid/val',
      'data.classes': 'camvid',
      'data.ignore': 11,
      'data.crop': 288,
      'train.batch_size': 8,
      'train.warmup_steps': 50,
      'model.widths': (48, 96, 128, 128),
      'model.latent_channels': 128,
      'train.steps': 6000,
      'evaluation.report_images': 8,
    },
    'smoke': {
      'model.widths': (16, 32, 48),
      'train.steps': 100,
    },
  }
  return config_lib.variant(config, variant, variants)


TASK = segmentation.TASK
