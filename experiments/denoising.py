"""Denoising: white Gaussian noise in, the photo out.

    python launch.py --config=experiments/denoising.py --workdir=runs/denoising

Four minutes on 2 CPU cores, and then more than 1 dB above non-local means and
total variation on the held-out photos. Variants: `:grey`, `:blind` (any sigma
from 5 to 55 with one model), `:smoke` (a minute, to see it work).
"""

import dataclasses

import jax

from autoencoder import config as config_lib
from autoencoder import corruptions
from autoencoder import losses
from autoencoder import metrics as metrics_lib
from autoencoder import task
from autoencoder.evaluation import baselines


@dataclasses.dataclass
class Config(config_lib.Config):
  # Standard deviation of the noise, of 255, as the literature counts it.
  sigma: float = 25.0
  # Two numbers, such as 5,55: trains on all sigmas between, measures at sigma.
  blind: tuple[float, ...] = ()

  def for_evaluation(self):
    return dataclasses.replace(self, blind=())

  def validate(self):
    super().validate()
    low, high = self.blind if len(self.blind) == 2 else (self.sigma, -1)
    if not self.sigma >= 0 or (self.blind and not 0 <= low <= high):
      raise ValueError(
        'sigma is at least 0, blind two such numbers in order (5,55); '
        f'got sigma={self.sigma}, blind={self.blind}.'
      )


def get_config(variant=''):
  variants = {
    'grey': {'data.channels': 1},
    'blind': {'blind': (5.0, 55.0)},
    'smoke': {'train.steps': 200, 'model.widths': (16, 32)},
  }
  return config_lib.variant(Config(), variant, variants)


def make_example(key, item, config):
  level_key, noise_key = jax.random.split(key)
  low, high = config.blind or (config.sigma, config.sigma)
  sigma = jax.random.uniform(level_key, minval=low, maxval=high)
  noisy = corruptions.gaussian_noise(noise_key, item['image'], sigma / 255)
  return task.Example(inputs=noisy, target=item['image'])


def loss(outputs, example, config):
  return losses.l1(outputs, example.target)


def metrics(outputs, example, config):
  psnr = metrics_lib.psnr(outputs, example.target)
  return {'psnr': psnr, 'ssim': metrics_lib.ssim(outputs, example.target)}


def picture(outputs, example, config):
  return {'input': example.inputs, 'output': outputs, 'target': example.target}


def classical(method):
  return lambda example, config: method(example.inputs, config.sigma / 255)


BASELINES = {
  'non-local means': classical(baselines.non_local_means),
  'total variation': classical(baselines.total_variation),
}
TASK = task.Task(make_example, loss, metrics, picture, BASELINES)
