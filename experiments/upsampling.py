"""Upsampling: nine layers that enlarge, compared in the same autoencoder.

    python launch.py --config=experiments/upsampling.py:transposed-3

Everything passes through the bottleneck, which has a third of the numbers in
the image: there are no skip connections and no residual. (Only 'unpool' passes
the positions of its maxima around the bottleneck.) The variants are the keys of
`VARIANTS`, and `:smoke`; --config.model.upsampling and --config.model.kernel
have the same effect. Training takes about 2 minutes on 2 CPU cores.
benchmarks/upsampling.py compares all variants; docs/upsampling.md has the
table.
"""

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
  config.model.widths = (16, 32)
  config.model.stem_stride = 2
  config.model.latent_channels = 16
  config.model.skips = False
  config.model.residual = False
  config.data.crop = 48
  config.data.color_jitter = False
  config.train.steps = 8000
  config.train.batch_size = 8
  config.train.learning_rate = 2e-3
  config.train.weight_decay = 1e-4
  smoke = {'smoke': {'train.steps': 200}}
  return config_lib.variant(config, variant, VARIANTS | smoke)


def make_example(key, item, config):
  return task.Example(inputs=item['image'], target=item['image'])


def loss(outputs, example, config):
  return losses.l2(outputs, example.target)


TASK = task.Task(
  make_example=make_example,
  loss=loss,
  metrics=restoration.psnr_and_ssim,
  picture=restoration.before_and_after,
  unprocessed=None,  # The input is the target, which nothing can exceed.
)
