"""Deconvolutional network: photos as sums of few learned features.

    python launch.py --config=experiments/deconvolutional.py --workdir=runs/dn

There is no encoder: maps are found for each image, and only filters are
learned (docs/deconvolutional_networks.md). A few minutes on 2 CPU cores, and
then edges and what edges make are in the report, how few of them a photo takes,
and how well that alone removes noise. Variants: `:hyper_laplacian`, sparser
maps by the paper's |z|^0.8; `:benchmark`, from the folder BSD400, measured on
BSD68; `:smoke`.
"""

import dataclasses

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder import sparse as sparse_lib
from autoencoder.evaluation import decomposition
from autoencoder.sparse import learning
from autoencoder.tasks import task


@dataclasses.dataclass
class Config(config_lib.Config):
  # Filters, sizes, lambda and p of each layer; `model` is not used.
  sparse: sparse_lib.Options = dataclasses.field(
    default_factory=sparse_lib.Options
  )
  # Noise that is to be removed in the report, of 255.
  sigma: float = 25.0
  # What a lone coefficient must exceed then, in sigmas.
  threshold: float = 2.0

  def validate(self):
    super().validate()
    self.sparse.validate()
    if self.data.channels != 1:
      raise errors.UserError(
        f'data.channels must be 1, grey, here; got {self.data.channels}.'
      )
    least = max(10, *self.sparse.sizes)  # The window of local contrast is 10.
    if self.data.crop < least:
      raise ValueError(
        f'data.crop must be at least {least}, the largest filter or window; '
        f'got {self.data.crop}.'
      )
    if not (0 < self.sigma < 256 and 0 < self.threshold < 100):
      raise ValueError(
        'sigma takes 0 to 255 and threshold 0 to 100, both above 0; got '
        f'{self.sigma} and {self.threshold}.'
      )


def get_config(variant=''):
  config = Config()
  config.data.channels, config.data.crop = 1, 32
  config.data.color_jitter = False
  config.train = dataclasses.replace(
    config.train, steps=250, batch_size=8, muon_learning_rate=0.1,
    warmup_steps=10, clip_norm=1.0, ema_decay=0.9, weight_decay=0.0,
    evaluate_every=50, checkpoint_every=50,
  )  # fmt: skip
  config.evaluation.center_crop = 256
  bsd = {'data.source': 'folder:BSD400', 'data.test_source': 'folder:BSD68'}
  return config_lib.variant(config, variant, {
    'hyper_laplacian': {'sparse.power': 0.8},
    'benchmark': bsd | {'train.steps': 3000, 'evaluation.center_crop': 0},
    'smoke': {'train.steps': 20, 'evaluation.center_crop': 96,
              'sparse.filters': (9, 16), 'sparse.test_iterations': 30},
  })  # fmt: skip


TASK = task.Task(
  make_example=learning.make_example,
  loss=learning.loss,
  metrics=learning.metrics,
  picture=learning.picture,
  unprocessed=None,
  build_model=learning.build_model,
  forward=learning.forward,
  logged=('psnr', 'nonzeros'),
  measure=decomposition.measure,
)
