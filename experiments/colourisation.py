"""Colourisation: the lightness of a photo in, its colours out.

    python launch.py --config=experiments/colourisation.py --workdir=runs/colour

DOC
DOC
DOC
DOC
DOC
DOC
"""

import dataclasses

from autoencoder import color
from autoencoder import color_heads
from autoencoder import color_metrics
from autoencoder import config as config_lib
from autoencoder import task


@dataclasses.dataclass
class Config(config_lib.Config):
  # 'l2' of ab, or 'classification' (Zhang et al. 2016): bolder, less accurate.
  loss: str = 'l2'

  def validate(self):
    super().validate()
    color_heads.check(self.loss, self.data.channels)


def get_config(variant=''):
  config = Config()
  config.data.crop, config.data.color_jitter = 96, False
  # Six scales see all of a crop. Weight decay: seven photos teach little.
  config.model.widths, config.model.stem_stride = (32, 48) + 4 * (64,), 2
  config.model.residual = False
  config.train.steps, config.train.weight_decay = 500, 4.0
  sets = {'data.source': 'folder:BSD400', 'data.test_source': 'folder:Kodak24'}
  return config_lib.variant(config, variant, {
    'classification': {'loss': 'classification', 'evaluation.tile': 512},
    'benchmark': sets | {'train.steps': 1500, 'train.weight_decay': 1.0},
    'smoke': {'train.steps': 100, 'model.widths': (16, 32)},
  })


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


# Grey is the input itself, which therefore has no row of its own.
BASELINES = {'grey': color_heads.grey}
TASK = task.Task(make_example, loss, metrics, picture, BASELINES, None)
TASK = TASK._replace(
  prepare=lambda image, config: color.rgb_to_lab(image)[..., :1] / 100,
  finish=finish,
  keeps_colors=False,
  out_channels=lambda config: color_heads.HEADS[config.loss].channels,
  notice='Colours are guessed; those of a colour picture are dropped first.',
)
