import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.image import corruptions


def test_noise_has_the_sigma_asked_for_and_is_not_clipped():
  image = jnp.full((256, 256, 3), 0.98)
  noisy = corruptions.gaussian_noise(jax.random.key(0), image, 25 / 255)
  noise = np.asarray(noisy - image)
  # 196,608 samples: the deviation is known to 0.16 %, five of these are 0.8 %.
  np.testing.assert_allclose(noise.std(), 25 / 255, rtol=0.008)
  assert abs(noise.mean()) < 5 * 25 / 255 / 443
  assert noisy.max() > 1.2


def test_noise_is_a_function_of_the_key():
  image = jnp.zeros((8, 8, 1))
  draw = jax.jit(corruptions.gaussian_noise, static_argnums=2)
  first = draw(jax.random.key(1), image, 0.1)
  np.testing.assert_array_equal(first, draw(jax.random.key(1), image, 0.1))
  assert not np.array_equal(first, draw(jax.random.key(2), image, 0.1))
