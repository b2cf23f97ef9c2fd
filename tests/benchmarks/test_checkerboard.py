from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from benchmarks import checkerboard


def transposed(size, strides, **kwargs):
  kwargs = {'kernel_init': nnx.initializers.ones} | kwargs
  return layers.ConvTranspose(
    1, 1, size, strides=strides, rngs=nnx.Rngs(0), **kwargs
  )


def subpixel(features, **kwargs):
  return layers.SubpixelConv(
    features, features, (3, 3), (2, 2), rngs=nnx.Rngs(0), **kwargs
  )


def checks(height=48, width=32):
  """Returns alternating +1 and -1, `[1, H, W, 1]`."""
  y, x = np.indices((height, width))
  return jnp.asarray((-1.0) ** (y + x), jnp.float32)[None, ..., None]


def noise(*shape, seed=0):
  return jax.random.normal(jax.random.key(seed), shape)


def test_at_stride_2_only_kernel_3_has_a_checkerboard():
  spread = {
    size: float(checkerboard.gain_spread(transposed((size, size), (2, 2))))
    for size in (2, 3, 4)
  }
  assert spread[2] == spread[4] == 0
  # Phases of 4, 2, 2 and 1 elements: mean 9/4, mean square 25/4.
  expected = (25 / 4 - (9 / 4) ** 2) ** 0.5 / (9 / 4)
  np.testing.assert_allclose(spread[3], expected, rtol=1e-6)


@pytest.mark.parametrize(
  'size, strides, kwargs',
  [
    ((3, 3), (2, 2), {}),
    ((4, 5), (2, 3), {}),
    ((5,), (3,), {}),
    (4, 3, {}),
    ((3, 3), (2, 2), {'kernel_dilation': (2, 3)}),
    ((3, 3), (2, 2), {'transpose_kernel': True}),
  ],
)
def test_gains_are_the_response_to_a_constant(size, strides, kwargs):
  layer = transposed(
    size, strides, kernel_init=nnx.initializers.normal(), **kwargs
  )
  rank = len(layer.kernel_size)
  response = np.asarray(layer(jnp.ones((1,) + (12,) * rank + (1,))))[0, ..., 0]
  steps = np.broadcast_to(strides, rank)
  inside = tuple(slice(5 * s, 6 * s) for s in steps)
  np.testing.assert_allclose(
    np.sort(checkerboard.phase_gains(layer).ravel()),
    np.sort(response[inside].ravel()),
    atol=1e-6,
  )


def test_variance_of_the_gains_is_the_phase_variance_of_the_response():
  layer = transposed((3, 3), (2, 2))
  response = layer(jnp.full((2, 10, 12, 1), 0.5))[:, 4:-4, 4:-4]
  np.testing.assert_allclose(
    checkerboard.phase_variance(response, period=2),
    0.25 * np.var(checkerboard.phase_gains(layer)),
    rtol=1e-5,
  )


def test_a_subpixel_convolution_has_gains_for_each_phase():
  layer = subpixel(5, use_icnr=False)
  gains = checkerboard.phase_gains(layer)
  assert gains.shape == (4, 5, 5)
  response = layer(jnp.zeros((1, 7, 7, 5)).at[..., 2].set(1.0))[0, 6:8, 6:8]
  np.testing.assert_allclose(gains[:, 2], response.reshape(4, 5), atol=1e-5)


def test_only_equal_phases_have_no_spread():
  assert checkerboard.gain_spread(subpixel(8)) < 1e-6
  resize = layers.ResizeConv(8, 3, (3, 3), (2, 2), rngs=nnx.Rngs(0))
  assert checkerboard.gain_spread(resize) < 1e-6
  zero = transposed((2, 2), (2, 2), kernel_init=nnx.initializers.zeros)
  assert checkerboard.gain_spread(zero) == 0


def test_four_independent_phases_have_a_spread_of_root_3():
  spread = checkerboard.gain_spread(subpixel(64, use_icnr=False))
  np.testing.assert_allclose(spread, 3**0.5, rtol=0.03)


def test_unpooling_has_no_gains():
  with pytest.raises(ValueError, match='MaxUnpool'):
    checkerboard.phase_gains(layers.MaxUnpool((2, 2)))


@pytest.mark.parametrize('period', [2, 3, 4])
def test_noise_has_no_pattern(period):
  error = noise(100, 48, 36, 3)
  ratio = checkerboard.alias_ratio(error, period=period)
  np.testing.assert_allclose(ratio, 1, atol=0.1)
  variance = checkerboard.phase_variance(error, period=period)
  expected = (period**2 - 1) / (100 * 48 * 36)
  assert 0.1 * expected < variance < 4 * expected


def test_ratio_of_a_checkerboard_in_noise():
  amplitude, height, width = 0.5, 48, 32
  error = noise(200, height, width, 2) + amplitude * checks(height, width)
  # The pattern is at one of three aliases. The mean square of the window over
  # both axes is 9/4.
  expected = 1 + amplitude**2 * height * width / (9 / 4) / 3
  np.testing.assert_allclose(
    checkerboard.alias_ratio(error), expected, rtol=0.05
  )


def test_borders_and_low_frequencies_are_not_a_pattern():
  y = jnp.linspace(-1, 1, 48)[:, None]
  ramp = 5 * (y + y.T + y * y.T).reshape(1, 48, 48, 1)
  error = ramp + 0.1 * noise(50, 48, 48, 3)
  np.testing.assert_allclose(checkerboard.alias_ratio(error), 1, atol=0.2)
  np.testing.assert_allclose(
    checkerboard.phase_variance(error - ramp), 0, atol=1e-4
  )


def test_variance_of_a_checkerboard_is_its_squared_amplitude():
  error = 0.3 * checks(9, 11)  # The odd row and column are left out.
  np.testing.assert_allclose(
    checkerboard.phase_variance(error), 0.09, rtol=1e-5
  )
  np.testing.assert_allclose(
    checkerboard.phase_variance(error, period=4), 0.09, rtol=1e-5
  )


def test_both_measures_compile_and_are_0_without_an_error():
  error = jnp.zeros((1, 16, 20, 3))
  assert jax.jit(checkerboard.alias_ratio)(error) == 0
  assert jax.jit(checkerboard.phase_variance)(error) == 0


def test_errors_name_the_size_of_images_that_are_too_small():
  with pytest.raises(ValueError, match='12 x 20 pixels.* at least 20 pixels'):
    checkerboard.alias_ratio(jnp.ones((1, 12, 20, 1)), period=4)
  with pytest.raises(ValueError, match=r'\[N, H, W, C\]'):
    checkerboard.phase_variance(jnp.ones((8, 8, 1)))
