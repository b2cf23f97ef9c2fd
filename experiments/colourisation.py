"""Colourisation: the lightness of a photo in, its colours out.

    python launch.py --config=experiments/colourisation.py --workdir=runs/colour

A minute on 2 CPU cores, then 1.4 dB of ab and 1.2 dB of RGB above grey on the
held-out photos: seven photos teach warm tones, right for wood and wrong for the
sky: on Kodak's first eight photos it is 1 dB below grey, `:l2` 0.4 above.
`:l2` gets 0.3 and 0.1 dB; `:benchmark`, l2 on BSD400 (data.source and
data.test_source say where), 1.8 dB on Kodak24. Lightness is kept exactly.
"""

import dataclasses

from autoencoder import color
from autoencoder import color_heads
from autoencoder import color_metrics
from autoencoder import config as config_lib
from autoencoder import task


@dataclasses.dataclass
class Config(config_lib.Config):
  # 'classification' (Zhang et al. 2016), or 'l2' of ab: paler.
  loss: str = 'classification'

  def validate(self):
    super().validate()
    color_heads.check(self.loss, self.data.channels)


def get_config(variant=''):
  config = Config()
  config.data.crop, config.data.color_jitter = 128, False
  # More scales reach further, and make tiles of 262 numbers a pixel too large.
  config.model.widths, config.model.stem_stride = (32, 48, 64, 96), 2
  config.model.residual, config.evaluation.tile = False, 512
  config.train.steps, config.train.batch_size = 100, 4
  config.train.weight_decay = 2.0
  l2 = {'loss': 'l2', 'model.widths': (32, 48) + 4 * (64,), 'train.steps': 250}
  bsd = {'data.source': 'folder:BSD400', 'data.test_source': 'folder:Kodak24'}
  bsd |= {'data.augment': 'flip', 'train.weight_decay': 0.5}
  smoke = {'train.steps': 50, 'model.widths': (16, 32)}
  benchmark = l2 | bsd | {'train.steps': 1000}
  variants = {'l2': l2, 'benchmark': benchmark, 'smoke': smoke}
  variants['classification'] = {}  # The default, by its name.
  return config_lib.variant(config, variant, variants)


def make_example(key, item, config):
  lab = color.rgb_to_lab(item['image'])
  return task.Example(inputs=lab[..., :1] / 100, target=lab[..., 1:])


def loss(outputs, example, config):
  return color_heads.HEADS[config.loss].loss(outputs, example.target)


def metrics(outputs, example, config):
  ab = color_heads.HEADS[config.loss].to_ab(outputs)
  return color_metrics.compare(ab, example.target, 100 * example.inputs)


def finish(outputs, inputs, config):
  ab = color_heads.HEADS[config.loss].to_ab(outputs)
  return color.paint(100 * inputs, ab)


def picture(outputs, example, config):
  target = color.paint(100 * example.inputs, example.target)
  return {'output': finish(outputs, example.inputs, config), 'target': target}


TASK = task.Task(
  make_example, loss, metrics, picture, {'grey': color_heads.grey}, None,
  prepare=lambda image, config: color.rgb_to_lab(image)[..., :1] / 100,
  finish=finish,
  keeps_colors=False,
  out_channels=lambda config: color_heads.HEADS[config.loss].channels,
  notice='Colours are guessed; those of a colour picture are dropped first.',
)
