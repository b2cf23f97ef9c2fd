"""Models with weights that reach as far as the architecture allows."""

from flax import nnx
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import models


@pytest.fixture(scope='session')
def make_model():
  """`make_model(channels, **options)` -> an Autoencoder, no weight zero.

  A new model answers with its input, which would hide every seam.
  """

  def make(in_channels=3, out_channels=3, *, widths=(8, 16), **options):
    options = {
      'blocks': 0,
      'latent_channels': 8,
      'residual': False,
      # These reach over the borders of tiles, unlike the defaults.
      'kernel': 4,
      'stem_stride': 2,
    } | options
    # Shapes only: the initialisers would take longer than the tests.
    model = nnx.eval_shape(
      lambda: models.Autoencoder(
        in_channels, out_channels, widths=widths, **options, rngs=nnx.Rngs(0)
      )
    )
    rng = np.random.default_rng(0)

    def randomize(_, variable):
      gain = np.sqrt(2 / max(1, np.prod(variable.shape[:-1])))
      value = rng.normal(0, gain, variable.shape)
      return variable.replace(jnp.asarray(value, jnp.float32))

    nnx.update(model, nnx.map_state(randomize, nnx.state(model)))
    return model

  return make
