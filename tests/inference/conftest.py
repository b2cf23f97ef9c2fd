"""Models with weights that reach as far as the architecture allows."""

from flax import nnx
import numpy as np
import pytest

from autoencoder import models


@pytest.fixture(scope='session')
def make_model():
  """`make_model(channels, **options)` -> an Autoencoder, no weight zero.

  A new model answers with its input, which would hide every seam.
  """

  def make(in_channels=3, out_channels=3, *, widths=(8, 16), **options):
    options = {'blocks': 0, 'latent_channels': 8, 'residual': False} | options
    model = models.Autoencoder(
      in_channels, out_channels, widths=widths, **options, rngs=nnx.Rngs(0)
    )
    rng = np.random.default_rng(0)

    def randomize(value):
      gain = np.sqrt(2 / max(1, np.prod(value.shape[:-1])))
      noise = rng.normal(0, gain, value.shape)
      return noise.astype(np.float32)

    state = nnx.state(model)
    nnx.update(model, nnx.map_state(lambda _, v: v.replace(
      randomize(v.get_value())
    ), state))
    return model

  return make
