"""Sums of bfloat16 are made in float32, where 256 + 1 is more than 256."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.layers.lowerings import choose


@pytest.mark.parametrize('large', [0, 2, 4])
def test_kernel_elements_along_the_first_of_three_axes(large):
  x = jnp.ones((1, 5, 1, 1, 1), jnp.bfloat16)
  kernel = jnp.ones((5, 1, 1, 1, 1), jnp.bfloat16).at[large].set(256)
  y = layers.conv_transpose(x, kernel)
  assert y.dtype == jnp.bfloat16
  assert y[0, 2].item() == 260
  whole = layers.conv_transpose(x.astype('int32'), kernel.astype('int32'))
  assert (whole.dtype, whole[0, 2].item()) == (jnp.int32, 260)


def test_phases_of_a_strided_convolution(monkeypatch):
  choice = choose.choose
  monkeypatch.setattr(
    choose, 'choose', lambda *a, **k: choice(*a, **k)._replace(paint='apart')
  )
  x = jnp.ones((1, 7, 7, 1), jnp.bfloat16)
  # One element in each of four phases; 259 is nearest to 260 in bfloat16.
  kernel = np.zeros((3, 3, 1, 1))
  kernel[:2, :2, 0, 0] = [[256, 1], [1, 1]]

  def convolve(x):
    return layers.conv_general_dilated(
      x, jnp.asarray(kernel, jnp.bfloat16), (2, 2), 'VALID',
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )  # fmt: skip

  _, tangent = jax.jvp(convolve, (x,), (x,))
  assert tangent.dtype == jnp.bfloat16
  np.testing.assert_array_equal(tangent, jnp.full((1, 3, 3, 1), 260))
