"""A small compression model with random weights, equal in each process."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import layers
from autoencoder import models
from autoencoder.models import entropy

LATENT, HYPER, WIDTH = 8, 5, 6


class TinyModel(nnx.Module):
  """A `models.Compressor`; with `hyper=False` without side information."""

  stride = 16
  analysis_radius = 30
  synthesis_radius = 2

  def __init__(self, hyper=True, *, rngs):
    def conv(a, b, stride):
      size = (2 * stride, 2 * stride)
      return layers.Conv(a, b, size, (stride, stride), rngs=rngs)

    def up(a, b, stride):
      size = (2 * stride, 2 * stride)
      return layers.ConvTranspose(a, b, size, (stride, stride), rngs=rngs)

    self.hyper = hyper
    self.down = nnx.List([conv(3, WIDTH, 4), conv(WIDTH, LATENT, 4)])
    self.up = nnx.List([up(LATENT, WIDTH, 4), up(WIDTH, 3, 4)])
    self.hyper_down = nnx.List([conv(LATENT, HYPER, 2), conv(HYPER, HYPER, 2)])
    self.hyper_up = nnx.List(
      [
        up(HYPER, HYPER, 2),
        up(HYPER, LATENT, 2),
        layers.Conv(LATENT, 2 * LATENT, (1, 1), rngs=rngs),
      ]
    )
    self.prior = entropy.FactorizedPrior(HYPER if hyper else LATENT, rngs=rngs)

  def analyse(self, x):
    return 9 * self.down[1](jnp.tanh(self.down[0](2 * x - 1)))

  def hyper_analyse(self, y):
    return 3 * self.hyper_down[1](nnx.relu(self.hyper_down[0](y)))

  def synthesise(self, y):
    return 0.5 + 0.1 * self.up[1](jnp.tanh(self.up[0](y)))

  def entropy_parts(self):
    gains = np.geomspace(0.25, 4, 4)[:, None] * np.linspace(0.8, 1.2, LATENT)
    kinds = [('transposed', 'relu'), ('transposed', 'relu'), ('conv', None)]
    network = [
      models.PlainLayer(
        np.asarray(l.kernel[...]), np.asarray(l.bias[...]), *kind
      )
      for l, kind in zip(self.hyper_up, kinds)  # noqa: E741
    ]
    return self.prior, gains, network if self.hyper else None


def make(hyper=True, seed=0):
  return TinyModel(hyper, rngs=nnx.Rngs(seed))


def image(height, width, channels=3, seed=0):
  """Returns a smooth picture with edges, uint8."""
  rng = np.random.default_rng(seed)
  y, x = np.mgrid[:height, :width]
  waves = [
    np.sin((rng.uniform(0.5, 4) * y + rng.uniform(0.5, 4) * x) / 40 + c)
    for c in range(channels)
  ]
  picture = 0.5 + 0.35 * np.stack(waves, axis=-1)
  picture[height // 3 :, : width // 4] *= 0.4
  return np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def hyper_layers(model, z):
  """Returns the hyper-synthesis in floats, for comparison."""

  @jax.jit
  def apply(model, x):
    for i, layer in enumerate(model.hyper_up):
      x = layer(x) if i == 2 else nnx.relu(layer(x))
    return x[0]

  return apply(model, jnp.asarray(z, jnp.float32)[None])
