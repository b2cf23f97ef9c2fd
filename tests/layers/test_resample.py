"""Resize-convolution, sub-pixel convolution and their rearrangements."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.layers.lowerings import polyphase


@pytest.mark.parametrize('method', ['nearest', 'bilinear'])
def test_upsample_equals_jax_image(method):
  x = jax.random.normal(jax.random.key(0), (2, 3, 1, 2))
  expected = jax.image.resize(x, (2, 9, 4, 2), method)
  np.testing.assert_allclose(
    layers.upsample(x, (3, 4), method), expected, atol=1e-6
  )
  x = jax.random.normal(jax.random.key(0), (4, 3, 2, 2))
  expected = jax.image.resize(x, (8, 9, 2, 2), method)
  np.testing.assert_allclose(
    layers.upsample(x, (2, 3, 1), method), expected, atol=1e-6
  )


def test_phases_to_pixels_places_each_phase():
  x = jnp.arange(24.0).reshape(1, 1, 2, 12)
  y = polyphase.phases_to_pixels(x, (2, 3))
  # Channels are (row phase, column phase, feature).
  for row in range(2):
    for column in range(6):
      place, phase = divmod(column, 3)
      first = 12 * place + 2 * (3 * row + phase)
      assert y[0, row, column].tolist() == [first, first + 1]
  np.testing.assert_array_equal(polyphase.pixels_to_phases(y, (2, 3)), x)


def test_resize_conv_is_upsample_then_conv():
  layer = layers.ResizeConv(
    3, 4, (3, 3), 2, method='bilinear', rngs=nnx.Rngs(0)
  )
  conv = nnx.Conv(3, 4, (3, 3), rngs=nnx.Rngs(0))
  x = jax.random.normal(jax.random.key(0), (2, 3, 5, 4, 3))
  expected = conv(layers.upsample(x, (2, 2), 'bilinear'))
  np.testing.assert_allclose(layer(x), expected, atol=1e-5)
  assert layer(x[0, 0]).shape == (10, 8, 4)


def test_subpixel_starts_as_nearest_upsampling_of_a_conv():
  layer = layers.SubpixelConv(3, 4, (3, 3), (2, 3), rngs=nnx.Rngs(0))
  conv = nnx.Conv(3, 4, (3, 3), rngs=nnx.Rngs(0))
  x = jax.random.normal(jax.random.key(0), (2, 5, 4, 3))
  expected = layers.upsample(conv(x), (2, 3))
  np.testing.assert_allclose(layer(x), expected, atol=1e-5)
  free = layers.SubpixelConv(
    3, 4, (3, 3), (2, 3), use_icnr=False, rngs=nnx.Rngs(0)
  )
  y = free(x)
  assert not np.allclose(y[:, ::2], y[:, 1::2], atol=1e-2)


def test_subpixel_groups_are_layers_side_by_side():
  layer = layers.SubpixelConv(
    4, 6, (3, 3), (2, 3), feature_group_count=2, rngs=nnx.Rngs(0)
  )
  x = jax.random.normal(jax.random.key(0), (2, 5, 4, 4))
  y = layer(x)
  first = y[:, ::2, ::3]  # Starts as nearest-neighbour upsampling.
  np.testing.assert_allclose(y, layers.upsample(first, (2, 3)), atol=1e-5)
  kernel = jax.random.normal(jax.random.key(1), layer.kernel.shape)
  layer.kernel[...] = kernel
  y = layer(x)
  for group in range(2):
    alone = layers.SubpixelConv(2, 3, (3, 3), (2, 3), rngs=nnx.Rngs(0))
    alone.kernel[...] = jnp.split(kernel, 2, -1)[group]
    expected = alone(x[..., 2 * group : 2 * group + 2])
    got = y[..., 3 * group : 3 * group + 3]
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_transposed_convolution_is_a_subpixel_convolution():
  subpixel = layers.SubpixelConv(
    3,
    4,
    (2, 2),
    (2, 2),
    padding=((1, 0), (1, 0)),
    use_icnr=False,
    rngs=nnx.Rngs(0),
  )
  kernel = subpixel.kernel[...].reshape(2, 2, 3, 2, 2, 4)
  # Tap `q` of phase `p` reaches the output `2 * (1 - q) + p` after its input.
  transposed_kernel = kernel[::-1, ::-1].transpose(0, 3, 1, 4, 2, 5)
  transposed_kernel = transposed_kernel.reshape(4, 4, 3, 4).swapaxes(2, 3)
  x = jax.random.normal(jax.random.key(0), (2, 5, 4, 3))
  y = layers.conv_transpose(
    x, transposed_kernel, 2, 'VALID', transpose_kernel=True
  )
  np.testing.assert_allclose(subpixel(x), y[:, :10, :8], atol=1e-5)


@pytest.mark.parametrize('layer', [layers.ResizeConv, layers.SubpixelConv])
def test_bridge_bfloat16_and_small_inputs(layer):
  module = nnx.bridge.ToLinen(
    layer, args=(3, 4, (3, 3), 2), kwargs={'dtype': jnp.bfloat16}
  )
  x = jnp.ones((1, 1, 1, 3))
  variables = module.init(jax.random.key(0), x)
  assert module.apply(variables, x).shape == (1, 2, 2, 4)
  y = module.apply(variables, jnp.ones((0, 4, 4, 3)))
  assert y.shape == (0, 8, 8, 4)
  assert y.dtype == jnp.bfloat16


def test_errors_state_what_was_found():
  with pytest.raises(ValueError, match="got 'cubic'"):
    layers.ResizeConv(3, 4, (3, 3), 2, method='cubic', rngs=nnx.Rngs(0))
  with pytest.raises(ValueError, match='out_features=3 must be multiples'):
    layers.SubpixelConv(
      4, 3, (3, 3), 2, feature_group_count=4, rngs=nnx.Rngs(0)
    )
  with pytest.raises(ValueError, match=r'got \(4, 4\)'):
    layers.upsample(jnp.ones((4, 4)), (2, 2))
  for kind in (layers.SubpixelConv, layers.ResizeConv):
    layer = kind(3, 4, (3, 3), 2, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=r'got \(1, 4, 4, 5\)'):
      layer(jnp.ones((1, 4, 4, 5)))
