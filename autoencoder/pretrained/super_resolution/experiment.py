"""Super-resolution: enlarges a photo by a factor of 2, 3 or 4.

    python launch.py --config=experiments/super_resolution.py

A minute or two on 2 CPU cores, then 2.1 dB above bicubic in Y on the held-out
photos. The network works at the small size and its last layer enlarges
(--config.model.upsampling). It learns the difference to the bicubic
enlargement.

Variants:
  :x3, :x4    other factors.
  :benchmark  trains on the folder BSD400 and measures Set5, for the published
              tables. --mode=evaluate --data=folder:Set14 measures others.
  :smoke      a minute, to see that everything works.
"""

import dataclasses

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.evaluation import baselines
from autoencoder.image import resize
from autoencoder.tasks import restoration
from autoencoder.tasks import task as task_lib


@dataclasses.dataclass
class Config(config_lib.Config):
  def validate(self):
    super().validate()
    scale, crop = self.model.scale, self.data.crop
    if scale not in (2, 3, 4):
      raise errors.UserError(f'model.scale takes 2, 3 or 4; got {scale}.')
    if crop < 3 * scale:
      raise errors.UserError(
        f'data.crop is the side of the large picture, at least {3 * scale} '
        f'pixels for model.scale={scale}; got {crop}.'
      )


def get_config(variant=''):
  config = Config()
  # One scale, narrow and deep, learns more than a wide network or one of two
  # scales with as many parameters (fewer than the 57,281 of SRCNN).
  config.model.scale = 2
  config.model.widths = (20,)
  config.model.blocks = 3
  config.model.latent_channels = 32
  config.data.crop = 96
  config.train.steps = 600
  config.train.muon_learning_rate = 2e-2
  variants = {
    'x3': {
      'model.scale': 3,
      'data.crop': 144,
    },
    'x4': {
      'model.scale': 4,
      'data.crop': 192,
    },
    'benchmark': restoration.BSD
    | {
      'data.test_source': 'folder:Set5',
      'train.steps': 4000,
    },
    'smoke': {
      'model.blocks': 1,
      'train.steps': 100,
    },
  }
  return config_lib.variant(config, variant, variants)


def make_example(key, item, config):
  target = resize.crop_to_multiple(item['image'], config.model.scale)
  inputs = resize.bicubic(target, 1 / config.model.scale, eight_bit=True)
  return task_lib.Example(inputs=inputs, target=target, extra=item.get('grey'))


TASK = restoration.make_task(
  make_example,
  metrics=restoration.enlargement_metrics,
  baselines=baselines.ENLARGERS,
  unprocessed=None,  # The baselines enlarge it.
)
