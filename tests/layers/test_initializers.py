"""Initial kernels of upsampling layers."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers


@pytest.mark.parametrize('transpose_kernel', [False, True])
@pytest.mark.parametrize('kernel, stride', [(4, 2), (3, 2), (2, 4), (5, 3)])
def test_start_has_unit_gain_in_every_phase(kernel, stride, transpose_kernel):
  layer = layers.ConvTranspose(
    64,
    64,
    kernel,
    stride,
    transpose_kernel=transpose_kernel,
    feature_group_count=2,
    rngs=nnx.Rngs(0),
  )
  y = layer(jax.random.normal(jax.random.key(1), (64, 16, 64)))
  inner = y[:, 2 * stride : -2 * stride].reshape(64, 12, stride, 64)
  gains = inner.std(axis=(0, 1, 3))
  reached = min(kernel, stride)
  np.testing.assert_allclose(gains[gains > 0], np.ones(reached), atol=0.1)


def test_complex_kernels_start_with_unit_gain():
  layer = layers.ConvTranspose(
    64, 64, (4, 4), 2, param_dtype=jnp.complex64, rngs=nnx.Rngs(0)
  )
  kernel = layer.kernel[...]
  assert kernel.dtype == jnp.complex64
  # 4 of the 16 elements reach an output; each part has half of the power.
  for part in (kernel.real, kernel.imag):
    assert float(part.var() * 64 * 4) == pytest.approx(1 / 2, rel=0.05)


@pytest.mark.parametrize('size, strides', [((2,), (2,)), ((4, 6), (2, 3))])
def test_equal_phases_start_as_nearest_neighbours_of_a_convolution(
  size, strides
):
  init = layers.equal_phases(nnx.initializers.lecun_normal(), strides)
  kernel = init(jax.random.key(0), (*size, 64, 128), jnp.float32)
  shape = (2, *(5 for _ in size), 64)
  x = jax.random.normal(jax.random.key(1), shape)
  y = layers.conv_transpose(x, kernel, strides, padding='VALID')
  spatial = range(1, 1 + len(size))
  for axis, stride in zip(spatial, strides):
    blocks = jnp.stack(
      [
        jax.lax.slice_in_dim(y, phase, None, stride, axis)
        for phase in range(stride)
      ]
    )
    np.testing.assert_allclose(blocks, blocks[:1].repeat(stride, 0), atol=1e-5)
  inner = tuple(slice(side, -side) for side in size)
  assert float(y[:, *inner].std()) == pytest.approx(1, abs=0.1)


def test_phases_of_unlike_numbers_of_elements_cannot_be_equal():
  init = layers.equal_phases(nnx.initializers.lecun_normal(), (2, 2))
  with pytest.raises(ValueError, match=r'\(3, 4\) for strides \(2, 2\)'):
    init(jax.random.key(0), (3, 4, 1, 1), jnp.float32)
