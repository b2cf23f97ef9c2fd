"""Deconvolutional network: photos as sums of few learned features.

    python launch.py --config=experiments/deconvolutional.py --workdir=runs/dn

There is no encoder. The feature maps of each image are inferred, and only the
filters are learned (docs/deconvolutional_networks.md). A few minutes on 2 CPU
cores. The report then shows the filters (edges, and combinations of edges), how
few coefficients a photo needs, and how well sparsity alone removes noise.

Variants:
  :hyper_laplacian  sparser maps by the |z|^0.8 of the paper.
  :benchmark        trains on the folder BSD400 and measures on BSD68. Set
                    data.source and data.test_source if they are elsewhere.
  :smoke            a short run that shows that everything works.
"""

import dataclasses

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder import sparse as sparse_lib
from autoencoder.evaluation import decomposition
from autoencoder.sparse import learning
from autoencoder.tasks import restoration
from autoencoder.tasks import task


@dataclasses.dataclass
class Config(config_lib.Config):
  # The options in `model` have no effect here.
  sparse: sparse_lib.Options = dataclasses.field(
    default_factory=sparse_lib.Options
  )
  sigma: float = config_lib.option(
    25.0,
    help='Standard deviation of the noise that the report removes, of 255.',
    above=0,
    below=256,
  )
  threshold: float = config_lib.option(
    2.0,
    help='What a single coefficient must exceed when noise is removed, in '
    'sigmas.',
    above=0,
    below=100,
  )

  def validate(self):
    super().validate()
    if self.data.channels != 1:
      raise errors.UserError(
        f'data.channels takes 1 (grey) here; got {self.data.channels}.'
      )
    least = max(10, *self.sparse.sizes)  # Contrast is measured in 10 x 10.
    if self.data.crop < least:
      raise errors.UserError(
        f'data.crop must be at least {least}, the largest filter or window; '
        f'got {self.data.crop}.'
      )


def get_config(variant=''):
  config = Config()
  config.data.channels = 1
  config.data.crop = 32
  config.data.color_jitter = False
  config.train.steps = 250
  config.train.batch_size = 8
  config.train.muon_learning_rate = 0.1
  config.train.warmup_steps = 10
  config.train.clip_norm = 1.0
  config.train.ema_decay = 0.9
  config.train.weight_decay = 0.0
  config.train.evaluate_every = 50
  config.train.checkpoint_every = 50
  config.evaluation.center_crop = 256
  variants = {
    'hyper_laplacian': {'sparse.power': 0.8},
    'benchmark': restoration.BSD
    | {
      'train.steps': 3000,
      'evaluation.center_crop': 0,
    },
    'smoke': {
      'sparse.filters': (9, 16),
      'sparse.test_iterations': 30,
      'train.steps': 20,
      'evaluation.center_crop': 96,
    },
  }
  return config_lib.variant(config, variant, variants)


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
