"""Every method of a convolution, whichever its shape would choose."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import grouping
from autoencoder.layers.lowerings import im2col


def _gradients(function, x, kernel):
  """Returns result and gradients of a loss that is not symmetric in space."""

  @jax.jit
  def run(x, kernel):
    def loss(x, kernel):
      y = function(x, kernel)
      weight = jnp.sin(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
      return (y * y * weight).sum(), y

    grads, y = jax.grad(loss, (0, 1), has_aux=True)(x, kernel)
    return y, *grads

  return run(x, kernel)


def _operands(images, sizes, channels, features, kernel_size):
  x = jax.random.normal(jax.random.key(0), (images, *sizes, channels))
  shape = (*kernel_size, channels, features)
  return x, jax.random.normal(jax.random.key(1), shape)


def _flax_conv(x, kernel, strides, padding):
  numbers = 'NHWC', 'HWIO', 'NHWC'
  return jax.lax.conv_general_dilated(
    x, kernel, strides, padding, dimension_numbers=numbers
  )


def _our_conv(x, kernel, strides, padding):
  numbers = 'NHWC', 'HWIO', 'NHWC'
  return layers.conv_general_dilated(
    x, kernel, strides, padding, dimension_numbers=numbers
  )


@pytest.fixture
def chosen(monkeypatch):
  """Returns a function that overrules the choice of methods."""

  def overrule(**kwargs):
    choice = choose.choose
    monkeypatch.setattr(
      choose, 'choose', lambda *a, **k: choice(*a, **k)._replace(**kwargs)
    )

  return overrule


@pytest.mark.parametrize('paint', ['apart', 'rows', 'phases'])
@pytest.mark.parametrize('gather', ['direct', 'phases'])
@pytest.mark.parametrize(
  'kernel_size, strides, padding',
  [
    ((3, 4), (2, 2), 'SAME'),
    ((5, 2), (3, 2), ((4, 2), (0, 3))),
    ((9, 9), (4, 4), 'SAME'),
    ((2, 5), (1, 3), ((1, 0), (3, 1))),
  ],
)
def test_methods_agree(chosen, paint, gather, kernel_size, strides, padding):
  chosen(paint=paint, gather=gather)
  x, kernel = _operands(2, (4, 5), 3, 4, kernel_size)
  for ours, flax in (
    (layers.conv_transpose, jax.lax.conv_transpose),
    (_our_conv, _flax_conv),
  ):
    got, want = (
      _gradients(lambda x, w, f=f: f(x, w, strides, padding), x, kernel)
      for f in (ours, flax)
    )
    for a, b in zip(got, want, strict=True):
      np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


_WIDE, _NEGATIVE = ((3, 1), (0, 3)), ((-1, 0), (1, -1))


@pytest.mark.parametrize('images', [3, 16])
@pytest.mark.parametrize(
  'method, strides, channels, padding',
  [
    ('columns', (2, 2), 3, 'SAME'),
    ('columns', (2, 2), 16, 'SAME'),
    ('columns', (1, 1), 3, 'SAME'),
    ('strips', (1, 1), 3, _WIDE),
    ('strips', (1, 1), 3, _NEGATIVE),
    ('strips', (2, 2), 3, 'SAME'),
    ('bordered', (1, 1), 3, _WIDE),
    ('bordered', (1, 1), 16, _NEGATIVE),
    ('whole', (2, 2), 3, 'SAME'),
    ('swapped', (1, 1), 3, _WIDE),
    ('swapped', (2, 2), 3, 'SAME'),
    ('swapped', (2, 2), 16, _WIDE),
    ('swapped', (2, 2), 3, _NEGATIVE),
    ('swapped', (4, 3), 3, 'SAME'),
  ],
)
def test_kernel_gradients_agree(
  chosen, monkeypatch, images, method, strides, channels, padding
):
  # Small groups: several images in one, and a kernel taken row by row.
  monkeypatch.setattr(im2col, '_GROUP_BYTES', 9000)
  monkeypatch.setattr(jax, 'device_count', lambda: 2)
  chosen(kernel=method, strips={3: 2, 16: 3}[images])
  x, kernel = _operands(images, (6, 8), channels, channels, (3, 4))
  pairs = [(layers.conv_transpose, jax.lax.conv_transpose)]
  if method != 'swapped' or strides == (1, 1):  # For no other strided one.
    pairs.append((_our_conv, _flax_conv))
  for ours, flax in pairs:
    got, want = (
      _gradients(lambda x, w, f=f: f(x, w, strides, padding), x, kernel)
      for f in (ours, flax)
    )
    for a, b in zip(got, want, strict=True):
      np.testing.assert_allclose(
        a, b, rtol=1e-3, atol=1e-5 * float(jnp.abs(b).max())
      )


@pytest.mark.parametrize('depth', [2, 3, 6])
@pytest.mark.parametrize('strides', [(1, 1, 1), (2, 2, 2), (3, 1, 2)])
def test_three_axes_with_few_and_many_kernel_elements(depth, strides):
  x, kernel = _operands(2, (7, 5, 6), 16, 16, (depth, 3, 2))
  numbers = 'NDHWC', 'DHWIO', 'NDHWC'
  ours, flax = (
    lambda x, w, f=f: f(x, w, strides, 'SAME', dimension_numbers=numbers)
    for f in (layers.conv_general_dilated, jax.lax.conv_general_dilated)
  )
  pairs = (
    (ours, flax),
    (
      lambda x, w: layers.conv_transpose(x, w, strides, 'SAME'),
      lambda x, w: jax.lax.conv_transpose(x, w, strides, 'SAME'),
    ),
  )
  for ours, flax in pairs:
    got, want = (_gradients(f, x, kernel) for f in (ours, flax))
    for a, b in zip(got, want, strict=True):
      np.testing.assert_allclose(
        a, b, rtol=1e-3, atol=1e-5 * float(jnp.abs(b).max())
      )


def test_choice_follows_the_shape():
  k4 = (4, 4), (2, 2), (1, 1)
  k3 = (3, 3), (1, 1), (1, 1)
  few_pixels = choose.choose(64, (4, 4), 512, 256, *k4, transposed=True)
  assert few_pixels == ('apart', 'direct', 'swapped', 1)
  one_image = choose.choose(1, (4, 4), 512, 256, *k4, transposed=True)
  assert one_image.kernel == 'columns'
  many_pixels = choose.choose(256, (32, 32), 32, 16, *k4, transposed=True)
  assert many_pixels == ('phases', 'direct', 'swapped', 8)  # 4 MiB on each.
  to_rgb = choose.choose(16, (32, 32), 32, 3, *k4, transposed=True)
  assert to_rgb == ('phases', 'phases', 'swapped', 1)
  k2 = (2, 2), (2, 2), (1, 1)
  side_by_side = choose.choose(16, (32, 32), 64, 48, *k2, transposed=True)
  assert side_by_side == ('phases', 'phases', 'phases', 1)
  gathered = choose.choose(16, (32, 32), 64, 48, *k2, transposed=False)
  assert gathered.kernel == 'columns'
  small = choose.choose(16, (8, 8), 64, 64, *k3, transposed=False)
  assert (small.kernel, small.strips) == ('strips', 1)
  large = choose.choose(128, (64, 64), 32, 32, *k3, transposed=False)
  assert (large.kernel, large.strips) == ('strips', 8)  # 8 MiB on each of 8.
  wide = choose.choose(32, (45, 60), 96, 96, *k3, transposed=False)
  assert (wide.kernel, wide.strips) == ('strips', 4)
  from_rgb = choose.choose(16, (64, 64), 32, 3, *k3, transposed=False)
  assert from_rgb.kernel == 'strips'
  from_features = choose.choose(16, (64, 64), 3, 32, *k3, transposed=False)
  assert from_features.kernel == 'swapped'


@pytest.mark.parametrize('transposed', [False, True])
@pytest.mark.parametrize(
  'kernel, stride, dilation, method',
  [(32, 1, 1, 'columns'), (33, 1, 1, 'whole'), (64, 2, 1, 'columns'),
   (65, 2, 1, 'whole'), (32, 2, 2, 'columns'), (33, 2, 2, 'whole')],
)  # fmt: skip
def test_no_columns_of_long_kernels(
  transposed, kernel, stride, dilation, method
):
  choice = choose.choose(
    1, (1, 256), 8, 8, (1, kernel), (1, stride), (1, dilation),
    transposed=transposed,
  )  # fmt: skip
  assert choice.kernel == method


@pytest.mark.parametrize('stride, dilation', [(1, 1), (2, 1), (2, 2)])
def test_transposed_convolution_with_a_long_kernel(stride, dilation):
  x, kernel = _operands(2, (20,), 2, 3, (70,))
  got, want = (
    _gradients(f, x, kernel)
    for f in (
      lambda x, w: layers.conv_transpose(
        x, w, stride, kernel_dilation=dilation
      ),
      lambda x, w: jax.lax.conv_transpose(
        x, w, (stride,), 'SAME', rhs_dilation=(dilation,)
      ),
    )
  )
  for a, b in zip(got, want, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


def test_a_share_of_the_batch_is_known_to_be_one(monkeypatch):
  shape = (64, 64), 32, 32, (3, 3), (1, 1), (1, 1)
  seen = []

  def look(x):
    seen.append(choose.choose(x.shape[0], *shape, transposed=False).strips)
    return x

  x = jnp.zeros((128, 1))
  look(x)
  mesh = jax.make_mesh(
    (jax.device_count(),), ('batch',), (jax.sharding.AxisType.Auto,)
  )
  each = jax.P('batch')
  jax.shard_map(look, mesh=mesh, in_specs=each, out_specs=each)(x)
  # As when a program is compiled for more devices than there are here.
  monkeypatch.setattr(jax, 'device_count', lambda: 4)
  jax.shard_map(look, mesh=mesh, in_specs=each, out_specs=each)(x)
  assert seen == [8, 8, 8]


def test_groups_take_as_many_images_from_every_device():
  seen = []

  def double(x):
    seen.append(x.shape)
    return 2 * x

  x = jnp.arange(48.0).reshape(48, 1)
  jaxpr = jax.make_jaxpr(lambda x: grouping.map_groups(double, x, 1, 2))(x)
  assert seen == [(16, 1)]  # 2 from each of 8 devices.
  got = grouping.map_groups(double, x, 1, 2)
  np.testing.assert_array_equal(got, 2 * x)
  assert 'scan' in str(jaxpr)


@pytest.mark.parametrize('function', ['transposed', 'strided'])
@pytest.mark.parametrize(
  'dtype, result', [('int64', 'int32'), ('float64', 'float32')]
)
def test_numpy_arrays_of_64_bits(function, dtype, result):
  # Warnings are errors here: as in `jax.lax`, nothing is said.
  x = np.arange(16).reshape(1, 4, 4, 1).astype(dtype)
  kernel = np.arange(4).reshape(2, 2, 1, 1).astype(dtype)
  ours, flax = {
    'transposed': (layers.conv_transpose, jax.lax.conv_transpose),
    'strided': (_our_conv, _flax_conv),
  }[function]
  for strides in ((1, 1), (2, 2)):
    got = ours(x, kernel, strides, 'SAME')
    want = flax(x, kernel, strides, 'SAME')
    assert got.dtype == want.dtype == result
    np.testing.assert_array_equal(got, want)


some_layers = pytest.mark.parametrize(
  'function, kernel_size, stride',
  [(layers.conv_transpose, size, stride) for size, stride in
   ((1, 1), (2, 2), (3, 1), (4, 2))]
  + [(_our_conv, size, stride) for size, stride in ((1, 1), (2, 2), (3, 1))],
)  # fmt: skip


@some_layers
def test_an_empty_batch(function, kernel_size, stride):
  x, kernel = _operands(2, (6, 4), 3, 5, (kernel_size,) * 2)
  strides = (stride,) * 2
  y, by_x, by_kernel = _gradients(
    lambda x, w: function(x, w, strides, 'SAME'), x[:0], kernel
  )
  one = function(x, kernel, strides, 'SAME')
  assert y.shape == (0, *one.shape[1:]) and by_x.shape == (0, *x.shape[1:])
  np.testing.assert_array_equal(by_kernel, jnp.zeros_like(kernel))


@some_layers
def test_the_gradient_as_a_program_for_any_batch(function, kernel_size, stride):
  x, kernel = _operands(32, (6, 4), 3, 5, (kernel_size,) * 2)

  def by_both(x, kernel):
    def loss(x, kernel):
      return jnp.sin(function(x, kernel, (stride,) * 2, 'SAME')).sum()

    return jax.grad(loss, (0, 1))(x, kernel)

  (batch,) = jax.export.symbolic_shape('b')
  program = jax.export.export(jax.jit(by_both))(
    jax.ShapeDtypeStruct((batch, *x.shape[1:]), x.dtype), kernel
  )
  want = by_both(x, kernel)
  for a, b in zip(program.call(x, kernel), want, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
