"""Semantic segmentation: a photo in, the class of every pixel out.

    python launch.py --config=experiments/segmentation.py --workdir=runs/scenes

Digits on photographs, which the package composes itself: 3 minutes on 2 CPU
cores of an AMD EPYC, and then a mean IoU of 0.83 on its test scenes. Variants:
`:noskips`, everything through the bottleneck (DeconvNet); `:unpool`, maxima
back in their places (SegNet); `:photos`, for photographs and labels of your own
(docs/segmentation.md); `:camvid`, street scenes of 480 x 360, an hour: trained
on the folder CamVid, measured on its validation set, wherever `data.source` and
`data.test_source` say that they are; `--mode=evaluate --data=folder:CamVid`
measures on its test set (benchmarks/segmentation.py does all of it); `:smoke`.
"""

import dataclasses

from autoencoder import config as config_lib
from autoencoder.tasks import segmentation


@dataclasses.dataclass
class Config(config_lib.Config):
  # 'cross_entropy', 'dice', 'focal', or a sum such as 'cross_entropy+dice'.
  loss: str = 'cross_entropy'

  def validate(self):
    super().validate()
    segmentation.check(self)


def get_config(variant=''):
  config = Config()
  config.model.residual = False
  config.model.widths, config.model.latent_channels = (48, 96, 128), 128
  config.model.stem_stride = 4
  config.data.source = config.data.classes = 'scenes'
  config.data.crop, config.data.augment = 128, 'none'
  config.data.scale_range = (1.0, 1.15)
  config.train.steps, config.train.batch_size = 2900, 8
  config.train.clip_norm, config.train.ema_decay = 1.0, 0.99
  photos = {
    'data.augment': 'flip',
    'data.color_jitter': False,  # A red sky is none.
    'data.tone_jitter': 0.3,
    'data.scale_range': (0.5, 1.5),
    'data.balance': 0.5,
  }
  return config_lib.variant(
    config,
    variant,
    {
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
      'smoke': {'train.steps': 100, 'model.widths': (16, 32, 48)},
    },
  )


TASK = segmentation.TASK
