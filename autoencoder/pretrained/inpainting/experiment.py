"""Inpainting: fills the holes of a photo.

    python launch.py --config=experiments/inpainting.py --workdir=runs/inpaint

Five minutes on 2 CPU cores. Then the pixels in the holes, half of all pixels,
are 2 dB better than those of biharmonic inpainting.

Variants:
  :dense      80 % of the pixels are missing.
  :blocks, :strokes, :centre
              other shapes of holes.
  :mixed      strokes, blocks and pixels. Use it for your own pictures: with
              --mode=apply, holes are transparent, or white in --mask.
  :benchmark  grey, trained on the folder BSD400, for the published tables.
  :smoke      a minute, to see that everything works.
"""

import dataclasses

import jax.numpy as jnp

from autoencoder import config as config_lib
from autoencoder.evaluation import inpainting
from autoencoder.image import fill
from autoencoder.image import masks
from autoencoder.image import metrics as metrics_lib
from autoencoder.tasks import restoration
from autoencoder.tasks import task


@dataclasses.dataclass
class Config(config_lib.Config):
  loss: str = config_lib.option(
    'l1',
    help="Error in the holes: 'l1', 'l2' or 'rmse', the root of what PSNR "
    'measures.',
    choices=tuple(restoration.LOSSES),
  )
  mask: masks.Options = dataclasses.field(default_factory=masks.Options)

  def for_evaluation(self):
    return dataclasses.replace(self, mask=self.mask.for_evaluation())


def get_config(variant=''):
  variants = {
    'dense': {'mask.rate': 0.8},
    'blocks': {'mask.kinds': ('blocks',)},
    'strokes': {'mask.kinds': ('strokes',)},
    'centre': {'mask.kinds': ('centre',)},
    'mixed': {'mask.kinds': ('strokes', 'blocks', 'pixels')},
    'benchmark': restoration.BSD
    | {
      'data.channels': 1,
      'train.steps': 3000,
    },
    'smoke': {
      'model.widths': (16, 32),
      'train.steps': 200,
    },
  }
  return config_lib.variant(Config(), variant, variants)


def make_example(key, item, config):
  image = item['image']
  mask = masks.draw(key, *image.shape[:2], config.mask)
  inputs = prepare(jnp.concatenate([image, mask], axis=-1), config)
  return task.Example(inputs=inputs, target=image, weight=mask)


def prepare(image, config):
  image, mask = image[..., :-1], image[..., -1:]
  return jnp.concatenate([fill.fill_holes(image, mask), mask], axis=-1)


def metrics(outputs, example, config):
  images = fill.keep_known(outputs, example.inputs), example.target
  return {
    'psnr_hole': metrics_lib.psnr(*images, example.weight),
    'psnr': metrics_lib.psnr(*images),
    'ssim': metrics_lib.ssim(*images),
  }


def picture(outputs, example, config):
  return {
    'input': example.target * (1 - example.weight),
    'output': fill.keep_known(outputs, example.inputs),
    'target': example.target,
  }


TASK = task.Task(
  make_example=make_example,
  loss=restoration.loss,
  metrics=metrics,
  picture=picture,
  baselines=inpainting.BASELINES,
  unprocessed=None,
  prepare=prepare,
  finish=fill.keep_known,
  uses_mask=True,
  prepare_radius=fill.REACH,
  applied=lambda config: (),
)
