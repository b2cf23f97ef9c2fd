"""Bicubic resizing against its definition, in float64 and in integers."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.image import resize

resized = jax.jit(resize.bicubic, static_argnums=1, static_argnames='eight_bit')


def keys(x):
  x = abs(x)
  if x <= 1:
    return 1.5 * x**3 - 2.5 * x**2 + 1
  return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def definition(rows, scale):
  """Resizes a mirrored signal `[n, ...]` with a kernel at each new centre."""
  pad = len(rows) * (2 + math.ceil(4 / scale / len(rows)))
  mirrored = np.pad(
    rows, [(pad, pad)] + [(0, 0)] * (rows.ndim - 1), mode='symmetric'
  )
  wide = max(1, 1 / scale)
  result = []
  for i in range(math.ceil(scale * len(rows))):
    center = (i + 0.5) / scale - 0.5
    weights = [keys((k - pad - center) / wide) for k in range(len(mirrored))]
    result.append(np.tensordot(weights, mirrored, 1) / np.sum(weights))
  return np.array(result)


def in_both_directions(image, scale, finish=lambda x: x):
  rows = finish(definition(image, scale))
  return finish(definition(rows.swapaxes(0, 1), scale)).swapaxes(0, 1)


def levels(shape, seed=0):
  return np.random.default_rng(seed).integers(0, 256, shape)


@pytest.mark.parametrize(
  'scale', [1 / 2, 1 / 3, 1 / 4, 0.37, 0.9, 1.0, 1.5, 2, 3, 4]
)
@pytest.mark.parametrize('size', [(11, 8), (1, 3)])
def test_equals_the_definition(size, scale):
  image = levels((*size, 2)) / 255
  expected = in_both_directions(image, scale)
  result = resized(image, scale)
  assert result.shape == expected.shape and result.dtype == jnp.float32
  np.testing.assert_allclose(result, expected, atol=2e-6)


@pytest.mark.parametrize('scale', [1 / 2, 1 / 3, 1 / 4, 2, 3, 4])
def test_of_8_bits_rounds_after_each_pass(scale):
  image = levels((13, 16, 3), seed=1)

  def as_uint8(values):
    return np.clip(np.floor(np.round(values, 9) + 0.5), 0, 255)

  expected = in_both_directions(image, scale, as_uint8)
  result = resized(np.float32(image / 255), scale, eight_bit=True)
  np.testing.assert_array_equal(np.rint(result * 255), expected)
  # Rounding once at the end is another function.
  once = as_uint8(in_both_directions(image, scale))
  assert (once != expected).any()


def test_halving_weighs_eight_pixels_and_halves_go_up():
  """Integers, without a rounding error: (-3 -9 29 111 111 29 -9 -3) / 256."""
  image = levels((64, 1, 1), seed=2).repeat(2, 1)  # Columns are constant.
  image[:8, :, 0] = np.array([0, 0, 0, 128, 0, 0, 0, 0])[:, None]
  mirrored = np.pad(image[:, 0, 0], 3, mode='symmetric')
  weights = np.array([-3, -9, 29, 111, 111, 29, -9, -3])
  sums = np.array([weights @ mirrored[2 * i : 2 * i + 8] for i in range(32)])
  assert (sums % 256 == 128).any()
  expected = np.clip((sums + 128) // 256, 0, 255)
  result = resized(np.float32(image / 255), 0.5, eight_bit=True)
  np.testing.assert_array_equal(np.rint(result[:, 0, 0] * 255), expected)


def test_input_between_levels_is_rounded_first():
  image = levels((6, 6, 1)) / 255
  near = np.float32(image + 0.4 / 255 * np.where(image < 0.5, 1, -1))
  np.testing.assert_array_equal(
    resized(near, 0.5, eight_bit=True), resized(image, 0.5, eight_bit=True)
  )


def test_works_under_vmap_and_over_batches():
  images = jnp.asarray(levels((2, 5, 7, 3)) / 255)
  alone = jnp.stack([resize.bicubic(image, 1.5) for image in images])
  np.testing.assert_allclose(resized(images, 1.5), alone, atol=1e-6)
  mapped = jax.jit(jax.vmap(lambda image: resize.bicubic(image, 1.5)))(images)
  np.testing.assert_allclose(mapped, alone, atol=1e-6)


def test_gradient_is_the_adjoint():
  x, y = (
    jnp.asarray(levels(shape, seed) / 255)
    for seed, shape in enumerate([(5, 7, 1), (8, 11, 1)])
  )
  gradient = jax.jit(jax.grad(lambda x: jnp.vdot(resize.bicubic(x, 1.5), y)))(x)
  np.testing.assert_allclose(
    jnp.vdot(gradient, x), jnp.vdot(resized(x, 1.5), y), rtol=1e-5
  )


@pytest.mark.parametrize('scale', [0, -1, float('inf'), float('nan')])
def test_impossible_scales_are_named(scale):
  with pytest.raises(ValueError, match='scale must be above 0'):
    resize.bicubic(jnp.ones((2, 2, 1)), scale)


def test_images_without_pixels_are_named():
  with pytest.raises(ValueError, match=r'at least one pixel; got \(0, 4, 3\)'):
    resize.bicubic(jnp.ones((0, 4, 3)), 2)


def test_crop_leaves_the_upper_left():
  image = jnp.arange(7 * 5 * 2).reshape(7, 5, 2)
  np.testing.assert_array_equal(
    resize.crop_to_multiple(image, 3), image[:6, :3]
  )
  with pytest.raises(ValueError, match='5 x 7 pixels cannot be shrunk 6 times'):
    resize.crop_to_multiple(image, 6)
