"""A small denoising task, and sources in memory."""

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from autoencoder import config as configs
from autoencoder import evaluation
from autoencoder.image import metrics
from autoencoder.tasks import task as tasks

SIGMA = 25 / 255


def make_example(key, item, config):
  del config
  image = item['image']
  noisy = image + SIGMA * jax.random.normal(key, image.shape)
  return tasks.Example(noisy, image, jnp.ones(image.shape[:2] + (1,)))


def measure(outputs, example, config):
  del config
  return {
    'psnr': metrics.psnr(outputs, example.target),
    # A second metric that compiles faster than SSIM.
    'closeness': 1 - jnp.abs(outputs - example.target).mean(axis=(1, 2, 3)),
  }


def picture(outputs, example, config):
  del config
  panels = {
    'input': example.inputs, 'output': outputs, 'target': example.target,
  }  # fmt: skip
  return {
    title: jnp.broadcast_to(panel, panel.shape[:3] + (3,))
    for title, panel in panels.items()
  }


def blur(example, config):
  del config
  return ndimage.gaussian_filter(example.inputs, (1.0, 1.0, 0))


def half(example, config):
  del config
  return example.inputs / 2


@pytest.fixture(scope='session')
def task():
  return tasks.Task(
    make_example=make_example,
    loss=lambda outputs, example, config: None,
    metrics=measure,
    picture=picture,
    baselines={'blur': blur, 'half': half},
  )


@pytest.fixture
def config():
  return configs.Config()


@pytest.fixture(scope='session')
def predict():
  """Returns a blur that stands in for a model and differs from the baseline."""
  return lambda x: ndimage.gaussian_filter(np.asarray(x), (0, 0.8, 0.8, 0))


class ListSource:
  """A source of images in memory, from `{name: uint8 [H, W, C]}`."""

  name = 'listed'

  def __init__(self, images):
    self.images = images

  def __len__(self):
    return len(self.images)

  def __getitem__(self, index):
    name = list(self.images)[index]
    return {'image': self.images[name], 'name': name}


@pytest.fixture(scope='session')
def make_source():
  return ListSource


@pytest.fixture(scope='session')
def make_image():
  """Returns `make_image(height, width)`: smooth colours with an edge."""

  def make(height, width, channels=3):
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (5 + c)) * np.cos(y / (7 - c)) for c in range(channels)]
    image = 0.5 + 0.3 * np.stack(waves, axis=-1)
    image[y > x] *= 0.6
    return np.rint(image * 255).astype(np.uint8)

  return make


@pytest.fixture(scope='session')
def source(make_image):
  return ListSource({
    'a.png': make_image(24, 32),
    'b.png': make_image(16, 20),
    'c.png': make_image(24, 32)[::-1],
  })  # fmt: skip


@pytest.fixture(scope='session')
def measured(task, predict, source):
  return evaluation.evaluate(
    predict, task, configs.Config(), source, progress=False
  )


@pytest.fixture
def results(measured):
  return copy.deepcopy(measured)


@pytest.fixture
def sigma():
  return SIGMA


@pytest.fixture
def log():
  """Returns the log of a training, a dict for each line."""
  return [
    {'step': 50, 'loss': 0.04, 'psnr': 20.0, 'learning_rate': 1e-3},
    {'step': 100, 'loss': 0.02, 'psnr': 24.0, 'odd': [1]},
    {'step': 100, 'test_psnr': 23.0},
    {'step': 150, 'loss': 0.01, 'psnr': 26.0},
    {'step': 200, 'loss': 0.005, 'psnr': 27.0, 'images_per_second': 9.0},
    {'step': 200, 'test_psnr': 25.0},
  ]
