"""Fixtures of tiny runs and of photos to train them on."""

import numpy as np
from PIL import Image
import pytest

from autoencoder.runs import workdir as workdir_lib


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
  """A folder with three training photos and one held-out photo."""
  folder = tmp_path_factory.mktemp('photos')
  rng = np.random.default_rng(0)
  for split, count in (('train', 3), ('test', 1)):
    (folder / split).mkdir()
    for i in range(count):
      coarse = Image.fromarray(rng.integers(0, 256, (6, 7, 3), np.uint8))
      coarse.resize((34 + i, 27), 2).save(folder / split / f'{i}.png')
  return folder


@pytest.fixture(scope='session')
def shrink():
  """`shrink(config, folder, options)`: two steps that take little to compile.

  Muon and augmentation, which have tests of their own, would double that.
  """

  def shrink(config, folder, options=()):
    workdir_lib.assign(
      config,
      {
        'data.source': f'folder:{folder}',
        'data.test_source': '',
        'data.crop': 16,
        'data.augment': 'none',
        'data.color_jitter': False,
        'model.widths': (4, 6),
        'model.blocks': 0,
        'model.latent_channels': 4,
        'train.steps': 2,
        'train.batch_size': 8,
        'train.warmup_steps': 1,
        'train.evaluate_every': 2,
        'train.muon_learning_rate': 0.0,
      }
      | dict(options),
    )
    return config

  return shrink
