"""Models exported for pictures of any number, height and width."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import models
from autoencoder.image import resize


@pytest.mark.parametrize(
  'options',
  [
    {},
    {'upsampling': 'bilinear'},
    {'upsampling': 'unpool'},
    {'scale': 2},
    {'stem_stride': 4, 'kernel': 4},
  ],
  ids=str,
)
def test_one_program_for_all_sizes(options, trained_looking):
  model = models.Autoencoder(
    3, 3, widths=(4, 8), latent_channels=4, rngs=nnx.Rngs(0), **options
  )
  model = trained_looking(model)
  sizes = jax.export.symbolic_shape('n, h, w, 3')
  program = jax.export.export(jax.jit(lambda x: model(x)))(
    jax.ShapeDtypeStruct(sizes, jnp.float32)
  )
  for shape in ((2, 13, 18, 3), (1, 1, 2, 3)):
    x = jax.random.uniform(jax.random.key(0), shape)
    np.testing.assert_allclose(program.call(x), model(x), atol=1e-4)


def test_open_sizes_are_enlarged_by_integers_only():
  sizes = jax.export.symbolic_shape('h, 4, 1')
  with pytest.raises(ValueError, match='integers only; got 1.5'):
    jax.eval_shape(
      lambda x: resize.bicubic(x, 1.5),
      jax.ShapeDtypeStruct(sizes, jnp.float32),
    )
