"""The strided convolution against Flax."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers

CASES = [
  # sizes, kernel, strides, keyword arguments
  ((9,), (4,), 2, dict(padding='CAUSAL')),
  ((9,), (16,), 8, dict(padding='SAME')),
  ((9,), (3,), 2, dict(padding='REFLECT')),
  ((8, 7), (3, 3), (2, 2), dict()),
  ((8, 7), (4, 5), (2, 3), dict(padding='VALID')),
  ((8, 7), (4, 2), (2, 2), dict(padding='CIRCULAR', use_bias=False)),
  ((8, 7), (3, 3), (1, 1), dict(padding=((0, 2), (3, 1)))),
  ((8, 7), (3, 3), None, dict(kernel_dilation=2)),
  ((8, 7), (3, 3), 2, dict(input_dilation=2, padding=1)),
  ((8, 7), (1, 1), 2, dict(padding='VALID')),
  # Patches (kernel size equal to the stride) of few and of many elements.
  ((9,), (3,), 3, dict(padding='VALID')),
  ((8, 7), (2, 2), (2, 2), dict()),
  ((8, 7), (3, 2), (3, 2), dict(padding='VALID')),
  ((8, 7), (2, 3), (2, 3), dict(padding=((3, 0), (1, 4)))),
  ((8, 9), (4, 4), (4, 4), dict()),
  ((8, 7), (3, 3), 2, dict(feature_group_count=2)),
  ((4, 5, 4), (3, 3, 3), (2, 2, 2), dict()),
]


@pytest.mark.parametrize('sizes, kernel, strides, kwargs', CASES, ids=str)
def test_equals_flax(sizes, kernel, strides, kwargs):
  flax = nnx.Conv(4, 6, kernel, strides, rngs=nnx.Rngs(0), **kwargs)
  ours = layers.Conv(4, 6, kernel, strides, rngs=nnx.Rngs(0), **kwargs)
  x = jax.random.normal(jax.random.key(1), (4, *sizes, 4))

  def run(layer):
    graph, params = nnx.split(layer)

    def loss(params, x):
      y = nnx.merge(graph, params)(x)
      weight = jnp.sin(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
      return (y * y * weight).sum(), y

    return jax.jit(jax.grad(loss, (0, 1), has_aux=True))(params, x)

  expected, got = run(flax), run(ours)
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_empty_batch_and_small_images():
  layer = layers.Conv(3, 4, (3, 3), (2, 2), rngs=nnx.Rngs(0))
  assert layer(jnp.ones((0, 8, 8, 3))).shape == (0, 4, 4, 4)
  assert layer(jnp.ones((1, 1, 3))).shape == (1, 1, 4)
  stem = layers.Conv(3, 4, (4, 4), (4, 4), rngs=nnx.Rngs(0))
  assert stem(jnp.ones((0, 8, 8, 3))).shape == (0, 2, 2, 4)
  assert stem(jnp.ones((1, 1, 3))).shape == (1, 1, 4)
  assert layer(jnp.ones((2, 3, 5, 5, 3))).shape == (2, 3, 3, 3, 4)


def test_second_derivatives_and_forward_mode():
  x = jax.random.normal(jax.random.key(0), (3, 6, 6, 2))
  kernel = jax.random.normal(jax.random.key(1), (3, 3, 2, 2))

  def every(route):
    def f(k):
      y = route(
        x, k, (2, 2), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
      )
      return jnp.sin(y).sum()

    return jax.jit(
      lambda k: (jax.hessian(f)(k)[0, 0], jax.jvp(f, (k,), (jnp.cos(k),)))
    )(kernel)

  expected = every(jax.lax.conv_general_dilated)
  got = every(layers.conv_general_dilated)
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected)):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_errors_state_the_sizes():
  layer = layers.Conv(3, 4, (3, 3), rngs=nnx.Rngs(0))
  with pytest.raises(ValueError, match=r'got \(1, 8, 8, 4\)'):
    layer(jnp.ones((1, 8, 8, 4)))
  with pytest.raises(ValueError, match=r'got \(8, 3\)'):
    layer(jnp.ones((8, 3)))
  with pytest.raises(ValueError, match='multiples of feature_group_count=2'):
    layers.Conv(3, 4, (3, 3), feature_group_count=2, rngs=nnx.Rngs(0))
  with pytest.raises(ValueError, match=r'kernel_size must be .* got \(0, 2\)'):
    layers.Conv(3, 4, (0, 2), rngs=nnx.Rngs(0))
  for strides in (0, (2, -2), (2, 2, 2)):
    with pytest.raises(ValueError, match='strides must be .* 2 of them'):
      layers.Conv(3, 4, (3, 3), strides, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
  'kernel, strides, padding, message',
  [
    ((3, 3, 3, 5), (2, 2), 'SAME', r'has 4 channels; rhs .* is for 3\.'),
    ((1, 1, 2, 5), (1, 1), 'SAME', r'has 4 channels; rhs .* is for 2\.'),
    ((2, 2, 2, 5), (2, 2), 'SAME', r'has 4 channels; rhs .* is for 2\.'),
    ((3, 3, 4, 5), (0, 0), 'SAME', r'positive integer or 2 of .* got \(0, 0\)'),
    ((3, 3, 4, 5), (2,), 'SAME', r'positive integer or 2 of .* got \(2,\)'),
    ((3, 3, 4, 5), (1, 1), ((0, 0),), '2 .* pairs, .* got'),
    ((1, 1, 4, 5), (1, 1), ((0, 0),), '2 .* pairs, .* got'),
    ((2, 2, 4, 5), (2, 2), ((0, 0),) * 3, '2 .* pairs, .* got'),
    ((2, 2, 4, 5), (2, 2), ((0, 0), (1,)), '2 .* pairs, .* got'),
  ],
)
def test_errors_of_the_function_state_the_sizes(
  kernel, strides, padding, message
):
  with pytest.raises(ValueError, match=message):
    layers.conv_general_dilated(
      jnp.ones((1, 8, 8, 4)), jnp.ones(kernel), strides, padding,
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )  # fmt: skip


@pytest.mark.parametrize(
  'image, kernel, stride',
  [
    ((2, 4, 4, 3), (5, 5, 3, 2), 2),
    ((2, 4, 4, 4, 3), (5, 3, 3, 3, 2), 2),
    ((2, 4, 4, 4, 3), (3, 5, 3, 3, 2), 1),
    ((2, 4, 4, 4, 3), (3, 3, 3, 3, 0), 1),
    ((0, 4, 4, 3), (2, 2, 3, 2), 2),
    ((2, 4, 4, 4, 4, 3), (2, 2, 2, 2, 3, 2), 2),
  ],
)
def test_empty_arrays_and_four_axes_equal_lax(image, kernel, stride):
  rank = len(image) - 2
  letters = 'ABDE'[:rank]
  numbers = f'N{letters}C', f'{letters}IO', f'N{letters}C'

  def gradients(convolve):
    def loss(x, w):
      strides = (stride,) * rank
      y = convolve(x, w, strides, 'VALID', dimension_numbers=numbers)
      return (y**2).sum()

    return jax.grad(loss, (0, 1))(jnp.ones(image), jnp.ones(kernel))

  got = gradients(layers.conv_general_dilated)
  want = gradients(jax.lax.conv_general_dilated)
  for a, b in zip(got, want, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize(
  'image, kernel, strides, padding',
  [
    # Long kernels, for which im2col would compile slowly.
    ((1, 1, 40, 2), (1, 70, 2, 3), (1, 1), 'SAME'),
    ((1, 1, 80, 2), (1, 70, 2, 3), (1, 2), 'SAME'),
    # The only row of the result sees no row of the image.
    ((512, 1, 1, 4), (3, 3, 4, 16), (20, 20), ((10, 0), (10, 0))),
    ((512, 4, 1, 4), (3, 3, 4, 16), (4, 4), ((4, 3), (10, 0))),
  ],
)
def test_long_kernels_and_wide_padding_equal_lax(
  image, kernel, strides, padding
):
  x = jax.random.normal(jax.random.key(0), image)
  kernel = jax.random.normal(jax.random.key(1), kernel)

  def gradients(convolve):
    def loss(x, w):
      numbers = 'NHWC', 'HWIO', 'NHWC'
      y = convolve(x, w, strides, padding, dimension_numbers=numbers)
      return (y**2).sum(), y

    return jax.jit(jax.grad(loss, (0, 1), has_aux=True))(x, kernel)

  got = gradients(layers.conv_general_dilated)
  want = gradients(jax.lax.conv_general_dilated)
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize('padding', ['SAME', np.array([[1, 1], [1, 1]])])
def test_dilation_and_padding_may_be_arrays(padding):
  x, kernel = jnp.ones((1, 6, 6, 2)), jnp.ones((3, 3, 2, 2))
  y = layers.conv_general_dilated(
    x, kernel, (1, 1), padding, rhs_dilation=np.array([1, 1]),
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )  # fmt: skip
  assert y.shape == (1, 6, 6, 2)


def test_many_channels_are_exported_for_any_batch():
  """With a batch of known size the plan may use Winograd's algorithm."""
  layer = layers.Conv(48, 48, (3, 3), rngs=nnx.Rngs(0))
  x = jax.random.normal(jax.random.key(0), (2, 6, 4, 48))
  (batch,) = jax.export.symbolic_shape('b')
  program = jax.export.export(jax.jit(lambda x: layer(x)))(
    jax.ShapeDtypeStruct((batch, *x.shape[1:]), x.dtype)
  )
  np.testing.assert_allclose(program.call(x), layer(x), rtol=1e-4, atol=1e-4)
