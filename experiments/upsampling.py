"""Nine ways to enlarge: the same autoencoder, but for its decoder's layers.

    python launch.py --config=experiments/upsampling.py:transposed-3

Everything passes through the bottleneck, a third of the numbers in the image:
no skip connections, no residual. ('unpool' passes where its maxima were on the
side.) What follows the colon is a key of `VARIANTS`; --config.model.upsampling
and --config.model.kernel set the same. Training takes about 2 minutes on 2 CPU
cores. benchmarks/upsampling.py compares all variants, docs/upsampling.md has
its table.
"""

import dataclasses

from autoencoder import config as config_lib
from autoencoder.image import losses
from autoencoder.tasks import restoration
from autoencoder.tasks import task

# Options of the model by the variant's name.
VARIANTS = {
  'transposed-2': {'model.upsampling': 'transposed', 'model.kernel': 2},
  'transposed-3': {'model.upsampling': 'transposed', 'model.kernel': 3},
  'transposed-4': {'model.upsampling': 'transposed', 'model.kernel': 4},
  'transposed-plain': {'model.upsampling': 'transposed_plain'},
  'nearest': {'model.upsampling': 'nearest'},
  'bilinear': {'model.upsampling': 'bilinear'},
  'subpixel': {'model.upsampling': 'subpixel'},
  'subpixel-plain': {'model.upsampling': 'subpixel_plain'},
  'unpool': {'model.upsampling': 'unpool'},
}


def get_config(variant=''):
  config = config_lib.Config()
  config.model = dataclasses.replace(
    config.model,
    widths=(16, 32),
    stem_stride=2,
    latent_channels=16,
    skips=False,
    residual=False,
  )
  config.data.crop = 48
  config.data.color_jitter = False
  config.train = dataclasses.replace(
    config.train,
    steps=8000,
    batch_size=8,
    learning_rate=2e-3,
    weight_decay=1e-4,
  )
  smoke = {'smoke': {'train.steps': 200}}
  return config_lib.variant(config, variant, VARIANTS | smoke)


def make_example(key, item, config):
  return task.Example(inputs=item['image'], target=item['image'])


def loss(outputs, example, config):
  return losses.l2(outputs, example.target)


# The input is the target: there is no row for it, and nothing to beat it.
TASK = task.Task(
  make_example=make_example,
  loss=loss,
  metrics=restoration.psnr_and_ssim,
  picture=restoration.before_and_after,
  unprocessed=None,
)
