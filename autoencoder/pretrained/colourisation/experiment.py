"""Colourisation: predicts the colours of a photo from its lightness.

    python launch.py --config=experiments/colourisation.py --workdir=runs/colour

A minute on 2 CPU cores. Then the error of ab is 0.25 dB below that of a grey
photo on the held-out photos, on which training length and weight decay were
tuned: seven training photos teach pale, warm tones. The lightness of the
picture is kept exactly.

Variants:
  :classification  predicts classes of colours: bolder, and more often wrong.
  :benchmark       trains on the folder BSD400 and measures on Kodak24:
                   1.8 dB of RGB above grey. Set data.source and
                   data.test_source if the folders are elsewhere.
  :smoke           a short run that shows that everything works.
"""

import dataclasses

from autoencoder import config as config_lib
from autoencoder.image import color
from autoencoder.tasks import colourisation_heads
from autoencoder.tasks import colourisation_metrics
from autoencoder.tasks import restoration
from autoencoder.tasks import task


@dataclasses.dataclass
class Config(config_lib.Config):
  loss: str = config_lib.option(
    'l2',
    help="'l2' of ab, or 'classification' (Zhang et al. 2016), which gives "
    'bolder but less accurate colours.',
    choices=tuple(colourisation_heads.HEADS),
  )

  def validate(self):
    super().validate()
    colourisation_heads.check(
      self.loss, self.data.channels, len(self.model.widths)
    )


def get_config(variant=''):
  config = Config()
  config.data.crop = 128
  config.data.color_jitter = False
  # The receptive field of six scales covers the whole crop.
  config.model.widths = (32, 48, 64, 64, 64, 64)
  config.model.stem_stride = 2
  config.model.residual = False
  config.train.steps = 250
  config.train.batch_size = 4
  config.train.weight_decay = 2.0  # Strong, because there are seven photos.
  variants = {
    'classification': {
      'loss': 'classification',
      # Tiles of 262 numbers per pixel would be too large with six scales.
      'model.widths': (32, 48, 64, 96),
      'evaluation.tile': 512,
      'train.steps': 100,
    },
    'benchmark': restoration.BSD
    | {
      'data.test_source': 'folder:Kodak24',
      'data.augment': 'flip',
      'train.weight_decay': 0.5,
      'train.steps': 1000,
    },
    'smoke': {
      'model.widths': (16, 32),
      'train.steps': 50,
    },
  }
  return config_lib.variant(config, variant, variants)


def make_example(key, item, config):
  lab = color.rgb_to_lab(item['image'])
  return task.Example(inputs=lab[..., :1] / 100, target=lab[..., 1:])


def loss(outputs, example, config):
  return colourisation_heads.HEADS[config.loss].loss(outputs, example.target)


def metrics(outputs, example, config):
  ab = colourisation_heads.HEADS[config.loss].to_ab(outputs)
  return colourisation_metrics.compare(ab, example.target, 100 * example.inputs)


def prepare(image, config):
  return color.rgb_to_lab(image)[..., :1] / 100


def finish(outputs, inputs, config):
  ab = colourisation_heads.HEADS[config.loss].to_ab(outputs)
  return color.paint(100 * inputs, ab)


def picture(outputs, example, config):
  target = color.paint(100 * example.inputs, example.target)
  return {'output': finish(outputs, example.inputs, config), 'target': target}


TASK = task.Task(
  make_example=make_example,
  loss=loss,
  metrics=metrics,
  picture=picture,
  baselines={'grey': colourisation_heads.grey},
  unprocessed=None,
  prepare=prepare,
  finish=finish,
  applied=lambda config: (),
  keeps_colors=False,
  out_channels=lambda config: colourisation_heads.HEADS[config.loss].channels,
  notice='Colours are guessed. Those of a colour picture are not used.',
)
