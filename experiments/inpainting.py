"""Inpainting: a photo with holes in, the whole photo out.

    python launch.py --config=experiments/inpainting.py --workdir=runs/inpaint

Five minutes on 2 CPU cores, and then 2 dB above biharmonic inpainting in the
holes, half of the pixels. Variants: `:dense` (80 %), `:blocks`, `:strokes`,
`:centre`, `:mixed` (all but centre, for one's own pictures: --mode=apply takes
what is transparent, or white in --mask, for holes), `:benchmark` (grey, for the
published tables), `:smoke` (a minute).
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

  def validate(self):
    super().validate()
    self.mask.validate()


def get_config(variant=''):
  variants = {kind: {'mask.kinds': (kind,)} for kind in masks.KINDS[1:]} | {
    'dense': {'mask.rate': 0.8},
    'mixed': {'mask.kinds': ('strokes', 'blocks', 'pixels')},
    'benchmark': restoration.BSD | {'data.channels': 1, 'train.steps': 3000},
    'smoke': {'train.steps': 200, 'model.widths': (16, 32)},
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
  values = {'psnr_hole': metrics_lib.psnr(*images, example.weight)}
  values['psnr'] = metrics_lib.psnr(*images)
  return values | {'ssim': metrics_lib.ssim(*images)}


def picture(outputs, example, config):
  output = fill.keep_known(outputs, example.inputs)
  holed = example.target * (1 - example.weight)
  return {'input': holed, 'output': output, 'target': example.target}


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
