"""A training run that is small enough to repeat many times."""

import copy
import dataclasses

import numpy as np
from PIL import Image
import pytest

from autoencoder import config as config_lib
from autoencoder.image import corruptions
from autoencoder.image import losses
from autoencoder.image import metrics
from autoencoder.tasks import task as task_lib


def _make_example(key, item, config):
  noisy = corruptions.gaussian_noise(key, item['image'], 0.1)
  return task_lib.Example(noisy, item['image'])


@pytest.fixture(scope='session')
def task():
  return task_lib.Task(
    make_example=_make_example,
    loss=lambda outputs, example, config: losses.l1(outputs, example.target),
    metrics=lambda outputs, example, config: {
      'psnr': metrics.psnr(outputs, example.target)
    },
    picture=lambda outputs, example, config: {
      'output': outputs,
      'target': example.target,
    },
  )


@pytest.fixture(scope='session')
def photos(tmp_path_factory):
  """A folder of five small pictures."""
  folder = tmp_path_factory.mktemp('photos')
  rng = np.random.default_rng(0)
  for i in range(5):
    coarse = rng.integers(0, 256, (5, 6, 3), np.uint8)
    Image.fromarray(coarse).resize((40 + i, 30), 2).save(folder / f'{i}.png')
  return folder


@pytest.fixture(scope='session')
def base(photos):
  """Eight crops of 16 x 16 per step, with noise, clipping and an average."""
  config = config_lib.Config()
  config.model = dataclasses.replace(
    config.model, widths=(4, 6), blocks=0, latent_channels=4
  )
  config.data.source = f'folder:{photos}'
  config.data.crop = 16
  config.train = dataclasses.replace(
    config.train,
    steps=6,
    batch_size=8,
    warmup_steps=1,
    clip_norm=0.05,
    ema_decay=0.9,
    log_every=2,
    evaluate_every=3,
    checkpoint_every=2,
  )
  return config


@pytest.fixture
def config(base):
  """A copy of `base` that a test may change."""
  return copy.deepcopy(base)
