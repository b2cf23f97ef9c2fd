"""The model of the learned codec, before training."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import config as config_lib
from autoencoder.models import compression
from autoencoder.models import compression_model
from autoencoder.models import entropy
from autoencoder.models import rates

# One compilation for each method and shape, not one for each layer.
analyse = jax.jit(lambda model, x: model.analyse(x))
synthesise = jax.jit(lambda model, y: model.synthesise(y))

SMALL = {'widths': (48, 32), 'latent_channels': 24, 'hyper_channels': 6}


@pytest.fixture(scope='module', params=compression_model.PRIORS)
def model(request):
  return compression_model.CompressionModel(
    **SMALL, prior=request.param, rngs=nnx.Rngs(0)
  )


def _photo(height, width, count=2):
  """Smooth random pictures."""
  key = jax.random.key(0)
  coarse = jax.random.uniform(key, (count, 3, 4, 3), minval=0.2, maxval=0.8)
  return jax.image.resize(coarse, (count, height, width, 3), 'cubic')


@pytest.mark.parametrize('height, width', [(1, 1), (37, 50), (64, 32)])
def test_the_image_keeps_any_size(model, height, width):
  x = _photo(height, width)
  compressed = jax.jit(model)(x, jnp.array([1, 8]))
  assert compressed.image.shape == x.shape
  assert compressed.image.dtype == jnp.float32
  for bits in compressed.bits.values():
    assert bits.shape == (2,) and (bits > 0).all()
  latent = jax.eval_shape(analyse, model, x)
  assert latent.shape == (2, -(-height // 16), -(-width // 16), 24)


def test_the_untrained_model_already_reconstructs_images(model):
  x = _photo(64, 64, count=1)
  errors, bits = [], []
  for quality in range(1, rates.QUALITIES + 1):
    compressed = jax.jit(model)(x, jnp.array([quality]))
    errors.append(float(jnp.square(compressed.image - x).mean()))
    bits.append(float(sum(compressed.bits.values())[0]))
  # With random kernels the error would be about that of a grey image.
  assert 10 * np.log10(1 / errors[-1]) > 18
  assert errors[0] > errors[-1]
  assert (np.diff(bits) > 0).all()


def test_an_example_does_not_depend_on_the_rest_of_the_batch(model):
  x, quality = _photo(32, 48), jnp.array([2, 7])
  keys = jax.random.split(jax.random.key(1), 2)
  together = jax.jit(model)(x, quality, keys)
  alone = jax.jit(model)(x[1:], quality[1:], keys[1:])
  np.testing.assert_allclose(together.image[1:], alone.image, atol=1e-4)
  for stream, bits in alone.bits.items():
    np.testing.assert_allclose(together.bits[stream][1:], bits, rtol=1e-4)


def test_noise_affects_the_bits_but_not_the_image(model):
  """The synthesis gets the rounded latent, as from a file."""
  x, quality = _photo(32, 32, count=1), jnp.array([3])
  rounded = jax.jit(model)(x, quality)
  keys = jax.random.split(jax.random.key(2), 1)
  noisy = jax.jit(model)(x, quality, keys)
  np.testing.assert_allclose(rounded.image, noisy.image, atol=1e-5)
  assert rounded.bits['latent'] != noisy.bits['latent']


def test_every_parameter_has_a_gradient(model):
  graphdef, params, rest = nnx.split(model, nnx.Param, ...)

  def loss(params):
    compressed = nnx.merge(graphdef, params, rest)(
      _photo(64, 64),
      jnp.array([4, 6]),
      jax.random.split(jax.random.key(0), 2),
    )
    error = jnp.square(compressed.image - _photo(64, 64)).sum()
    return error + 1e-3 * sum(map(jnp.sum, compressed.bits.values()))

  gradients = jax.jit(jax.grad(loss))(nnx.as_pure(params))
  for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
    name = jax.tree_util.keystr(path)
    assert np.isfinite(gradient).all(), name
    assert np.abs(gradient).max() > 0, name


def test_the_bits_are_those_of_the_entropy_models(model):
  """Computed by hand, for one quality with its own quantisation steps."""
  x, index = _photo(32, 32, count=1), 5
  latent = analyse(model, x)
  gain = jnp.exp(model.log_gain[...])[None, None, index - 1 : index]
  if model.prior == 'factorized':
    steps = jnp.round(latent * gain)
    expected = model.factorized.bits(steps / gain, 1 / gain)
  else:
    hyper = jnp.round(model.hyper_analyse(latent))
    mean, log_scale = model.hyper_synthesise(hyper, 2, 2)
    steps = jnp.round((latent - mean) * gain)
    expected = entropy.gaussian_bits(
      steps, jnp.zeros_like(steps), jnp.exp(log_scale) * gain
    )
  actual = jax.jit(model)(x, jnp.array([index])).bits['latent']
  np.testing.assert_allclose(actual, expected, rtol=1e-5)


@pytest.mark.parametrize('blocks', [0, 1])
def test_the_radii_are_upper_bounds(blocks):
  model = compression_model.CompressionModel(
    **SMALL, blocks=blocks, activation='relu', rngs=nnx.Rngs(0)
  )
  graphdef, state = nnx.split(model)
  keys = iter(jax.random.split(jax.random.key(0), 100))
  state = jax.tree.map(
    lambda leaf: jax.random.uniform(next(keys), leaf.shape, maxval=0.1), state
  )
  # Positive kernels cannot cancel, and no activation cuts values off.
  model = nnx.merge(graphdef, state)
  size, middle = 256, 128
  x = jnp.ones((1, size, size, 3))
  places = jnp.any(
    analyse(model, x) != analyse(model, x.at[0, middle, middle].set(9.0)), -1
  )[0]
  for found in np.nonzero(places):
    near = np.maximum(16 * found - middle, middle - 16 * found - 15)
    assert near.max() <= model.analysis_radius
  y = jnp.zeros((1, 16, 16, 24))
  pixels = jnp.any(
    synthesise(model, y) != synthesise(model, y.at[0, 8, 8].set(9.0)), -1
  )[0]
  for found in np.nonzero(pixels):
    assert np.abs(found // 16 - 8).max() <= model.synthesis_radius
    assert np.abs(found // 16 - 8).max() >= 1


@pytest.mark.parametrize(
  'options, words',
  [
    ({'prior': 'context'}, "prior takes 'hyperprior', 'factorized'; got"),
    ({'activation': 'tanh'}, "activation takes 'gdn', 'relu'; got 'tanh'"),
    ({'hyper_channels': 0}, 'hyper_channels must be at least 1; got 0'),
  ],
)
def test_errors_name_impossible_options(options, words):
  with pytest.raises(ValueError, match=words):
    compression.Options(**options).validate()


def test_errors_name_wrong_inputs(model):
  with pytest.raises(ValueError, match='takes floats'):
    model.analyse(jnp.zeros((1, 8, 8, 3), jnp.uint8))
  with pytest.raises(ValueError, match=r'takes \[N, H, W, 3\]'):
    model.analyse(jnp.zeros((1, 8, 8, 1)))


def test_build_follows_the_options():
  config = config_lib.ModelConfig(
    in_channels=3, widths=(8, 16), latent_channels=4, kernel=2
  )
  options = compression.Options(activation='relu', hyper_channels=5)
  model = compression.build(config, options, rngs=nnx.Rngs(0))
  assert model.latent_channels == 4
  hyper = jax.eval_shape(
    lambda model, x: model.hyper_analyse(model.analyse(x)),
    model,
    jnp.zeros((1, 70, 16, 3)),
  )
  assert hyper.shape == (1, 2, 1, 5)
