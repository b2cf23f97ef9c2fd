"""Models whose weights reach as far as they can, and pictures of all kinds."""

from flax import nnx
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from autoencoder import models
from autoencoder.photos import images


@pytest.fixture(scope='session')
def make_model():
  """`make_model(channels, **options)` -> an Autoencoder, no weight zero.

  A new model returns its input, which would hide every seam.
  """

  def make(in_channels=3, out_channels=3, *, widths=(8, 16), **options):
    options = {
      'blocks': 0,
      'latent_channels': 8,
      'residual': False,
      # These kernels reach over the borders of tiles; the defaults do not.
      'kernel': 4,
      'stem_stride': 2,
    } | options
    # Only shapes, because the initialisers would take longer than the tests.
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


@pytest.fixture
def source(tmp_path):
  return tmp_path / 'in'


@pytest.fixture
def output(tmp_path):
  return tmp_path / 'out'


@pytest.fixture(scope='session')
def invert():
  """A function that returns the inverted picture, in one tile."""

  def invert(pixels, on_tile):
    on_tile(1, 1)
    return ~pixels

  return invert


@pytest.fixture(scope='session')
def save():
  """`save(path, pixels, **fields)`: a picture of any kind, `[5, 4, 3]`."""
  ramp = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)

  def save(path, pixels=ramp, **fields):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() in ('.png', '.tif'):
      images.write_image(path, images.Photo(pixels, **fields))
    else:
      Image.fromarray(pixels.squeeze()).save(path)

  return save


@pytest.fixture(scope='session')
def files():
  """`files(folder)`: the sorted paths of all files below it."""

  def files(folder):
    found = [path for path in folder.rglob('*') if path.is_file()]
    return sorted(str(path.relative_to(folder)) for path in found)

  return files
