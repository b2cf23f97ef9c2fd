"""bfloat16 is summed in float32: in bfloat16, 256 + 1 is 256."""

import jax.numpy as jnp
import pytest

from autoencoder import layers


@pytest.mark.parametrize('large', [0, 2, 4])
def test_kernel_elements_along_the_first_of_three_axes(large):
  x = jnp.ones((1, 5, 1, 1, 1), jnp.bfloat16)
  kernel = jnp.ones((5, 1, 1, 1, 1), jnp.bfloat16).at[large].set(256)
  y = layers.conv_transpose(x, kernel)
  assert y.dtype == jnp.bfloat16
  assert y[0, 2].item() == 260
  whole = layers.conv_transpose(x.astype('int32'), kernel.astype('int32'))
  assert (whole.dtype, whole[0, 2].item()) == (jnp.int32, 260)
