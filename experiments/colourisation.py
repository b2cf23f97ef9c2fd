"""Colourisation: the lightness of a photo in, its colours out.

    python launch.py --config=experiments/colourisation.py --workdir=runs/colour

A minute on 2 CPU cores, then 0.25 dB of ab above grey on the held-out photos,
by which length and decay were chosen: seven photos teach pale warm tones.
`:classification` is bolder and more often wrong. `:benchmark` learns from
BSD400 (data.source and data.test_source say where): 1.8 dB of RGB above grey on
Kodak24. The lightness of the picture is kept exactly.
"""

import dataclasses

from autoencoder import config as config_lib
from autoencoder.image import color
from autoencoder.tasks import colourisation_heads
from autoencoder.tasks import colourisation_metrics
from autoencoder.tasks import task


@dataclasses.dataclass
class Config(config_lib.Config):
  # 'l2' of ab, or 'classification' (Zhang et al. 2016): bolder, less accurate.
  loss: str = 'l2'

  def validate(self):
    super().validate()
    colourisation_heads.check(
      self.loss, self.data.channels, len(self.model.widths)
    )


def get_config(variant=''):
  config = Config()
  config.data.crop, config.data.color_jitter = 128, False
  # Six scales see all of a crop. Weight decay: seven photos teach little.
  config.model.widths, config.model.stem_stride = (32, 48) + 4 * (64,), 2
  config.model.residual, config.train.weight_decay = False, 2.0
  config.train.steps, config.train.batch_size = 250, 4
  # Six scales would make tiles of 262 numbers a pixel too large.
  classes = {'model.widths': (32, 48, 64, 96), 'evaluation.tile': 512}
  classes |= {'loss': 'classification', 'train.steps': 100}
  bsd = {'data.source': 'folder:BSD400', 'data.test_source': 'folder:Kodak24'}
  bsd |= {'data.augment': 'flip', 'train.weight_decay': 0.5}
  return config_lib.variant(
    config,
    variant,
    {
      'classification': classes,
      'benchmark': bsd | {'train.steps': 1000},
      'smoke': {'train.steps': 50, 'model.widths': (16, 32)},
    },
  )


def make_example(key, item, config):
  lab = color.rgb_to_lab(item['image'])
  return task.Example(inputs=lab[..., :1] / 100, target=lab[..., 1:])


def loss(outputs, example, config):
  return colourisation_heads.HEADS[config.loss].loss(outputs, example.target)


def metrics(outputs, example, config):
  ab = colourisation_heads.HEADS[config.loss].to_ab(outputs)
  return colourisation_metrics.compare(ab, example.target, 100 * example.inputs)


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
  prepare=lambda image, config: color.rgb_to_lab(image)[..., :1] / 100,
  finish=finish,
  applied=lambda config: (),
  keeps_colors=False,
  out_channels=lambda config: colourisation_heads.HEADS[config.loss].channels,
  notice='Colours are guessed; those of a colour picture are dropped first.',
)
