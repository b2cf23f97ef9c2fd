"""Selecting Eigen or YNNPACK, and values with the plans for Eigen."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.layers.lowerings import backend
from autoencoder.layers.lowerings import few_channels
from autoencoder.layers.lowerings import planned

_FLAG = backend.FLAG


@pytest.fixture
def eigen_plans(monkeypatch):
  """Makes plans those for Eigen. XLA itself has read its flags before."""
  monkeypatch.setenv('XLA_FLAGS', backend.USE_EIGEN)
  jax.clear_caches()
  yield
  jax.clear_caches()


@pytest.mark.parametrize(
  'flags, expected',
  [
    ('', False),
    ('--xla_cpu_use_onednn=true', False),
    (backend.USE_EIGEN, True),
    (f'--xla_cpu_use_onednn=true {backend.USE_EIGEN}', True),
    (f'{_FLAG}=', True),
    (f'{_FLAG}=individual_dot', True),
    (f'{_FLAG}=LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION', False),
    (f'{_FLAG}=individual_dot,individual_convolution', False),
    (f'{_FLAG}=-individual_dot', False),
    (f'{_FLAG}=-individual_dot,-individual_convolution', True),
    (f'{backend.USE_EIGEN} {_FLAG}=individual_convolution', False),
  ],
)
def test_flags_select_the_library(monkeypatch, flags, expected):
  monkeypatch.setenv('XLA_FLAGS', flags)
  assert backend.is_eigen() == expected


_SCRIPT = """
import os
from autoencoder.runtime import processors
from autoencoder.layers.lowerings import backend
given = os.environ.get('XLA_FLAGS', '')
processors.use_eigen()
import jax, jax.numpy as jnp
from autoencoder import layers
x, kernel = jnp.ones((2, 8, 8, 32)), jnp.ones((3, 3, 32, 32))
plain = jax.jit(lambda x, k: jax.lax.conv_general_dilated(
  x, k, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')))
text = plain.lower(x, kernel).compile().as_text()
print('ynn' in text, backend.is_eigen())
del os.environ['XLA_FLAGS']
processors.use_eigen()  # JAX has started.
print(os.environ.get('XLA_FLAGS'), jax.config.jax_num_cpu_devices)
"""


@pytest.mark.parametrize('given', ['', f'{_FLAG}=individual_convolution'])
def test_use_eigen_before_jax_starts_and_never_against_the_user(given):
  lines = subprocess.run(
    [sys.executable, '-c', _SCRIPT], check=True, text=True,
    env=os.environ | {'XLA_FLAGS': given}, stdout=subprocess.PIPE,
  ).stdout.splitlines()  # fmt: skip
  told = given == ''
  assert lines[0].split()[1] == str(told)
  if told:
    assert lines[0] == 'False True'
  assert lines[1] == 'None -1'


def test_use_eigen_leaves_an_untested_jaxlib_alone(monkeypatch):
  from autoencoder.runtime import processors

  monkeypatch.setattr(processors, '_has_started', lambda: False)
  monkeypatch.setenv('XLA_FLAGS', '')  # Restored after the test.
  monkeypatch.setattr(processors.jaxlib.version, '__version_info__', (9, 0))
  processors.use_eigen()
  assert not os.environ['XLA_FLAGS']
  monkeypatch.setattr(processors.jaxlib.version, '__version_info__', (0, 12))
  processors.use_eigen()
  assert os.environ['XLA_FLAGS'] == backend.USE_EIGEN


def test_padding_is_part_of_the_input(eigen_plans):
  kernel = jnp.ones((3, 3, 20, 18))

  def loss(kernel, x):
    return planned.convolution(x, kernel, ((1, 1),) * 2, (1, 1)).sum()

  def program(images):
    x = jnp.ones((images * jax.device_count(), 4, 4, 20))
    return str(jax.make_jaxpr(jax.grad(loss))(kernel, x))

  assert 'optimization_barrier' in program(7)
  assert 'optimization_barrier' not in program(8)


def _assert_same(ours, plain, x, weights):
  """Checks values, and gradients for both operands."""
  y, pull = jax.vjp(jax.jit(ours), x, weights)
  expected, plain_pull = jax.vjp(plain, x, weights)
  np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
  cotangent = jax.random.normal(jax.random.key(1), y.shape)
  for a, b in zip(pull(cotangent), plain_pull(cotangent), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize('padding', ['SAME', ((2, 0), (-1, 3))])
@pytest.mark.parametrize('batch', [1, 64])
@pytest.mark.parametrize('channels, features', [(3, 32), (20, 4), (20, 18)])
@pytest.mark.parametrize('kernel, stride', [(3, 1), (2, 1), (4, 2), (3, 2)])
def test_convolution_equals_lax(
  eigen_plans, kernel, stride, channels, features, batch, padding
):
  keys = jax.random.split(jax.random.key(0), 2)
  x = jax.random.normal(keys[0], (batch, 9, 8, channels))
  weights = jax.random.normal(keys[1], (kernel, kernel, channels, features))
  strides = (stride, stride)
  if isinstance(padding, str):
    padding = jax.lax.padtype_to_pads((9, 8), (kernel,) * 2, strides, padding)

  def ours(x, weights):
    return planned.convolution(x, weights, padding, strides)

  def plain(x, weights):
    return jax.lax.conv_general_dilated(
      x, weights, strides, padding,
      dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
    )  # fmt: skip

  _assert_same(ours, plain, x, weights)


@pytest.mark.parametrize('batch', [1, 64])
@pytest.mark.parametrize('channels, features', [(3, 32), (20, 3), (18, 20)])
@pytest.mark.parametrize(
  'kernel, stride', [(3, 1), (2, 2), (4, 2), (5, 2), (9, 4)]
)
def test_transposed_convolution_equals_lax(
  eigen_plans, kernel, stride, channels, features, batch
):
  keys = jax.random.split(jax.random.key(0), 2)
  x = jax.random.normal(keys[0], (batch, 9, 8, channels))
  weights = jax.random.normal(keys[1], (kernel, kernel, channels, features))

  def ours(x, weights):
    return layers.conv_transpose(x, weights, stride)

  def plain(x, weights):
    return jax.lax.conv_transpose(x, weights, (stride, stride), 'SAME')

  _assert_same(ours, plain, x, weights)


@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize('padding', [((1, 1), (1, 1)), ((3, -1), (0, 2))])
@pytest.mark.parametrize('dilation', [(1, 1), (2, 1)])
@pytest.mark.parametrize('size', [(3, 3), (1, 5), (4, 2)])
@pytest.mark.parametrize('channels, features', [(2, 7), (20, 5)])
def test_few_channels(channels, features, size, dilation, padding, dtype):
  keys = jax.random.split(jax.random.key(0), 2)
  x = jax.random.normal(keys[0], (2, 8, 9, channels), dtype)
  kernel = jax.random.normal(keys[1], (*size, channels, features), dtype)
  got = few_channels.convolution(
    x,
    kernel,
    padding,
    dilation,
    {'precision': None, 'preferred_element_type': None},
  )
  want = jax.lax.conv_general_dilated(
    x.astype(jnp.float32), kernel.astype(jnp.float32), (1, 1), padding,
    rhs_dilation=dilation, dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )  # fmt: skip
  assert got.dtype == dtype
  tolerance = 1e-4 if dtype == jnp.float32 else 0.02
  np.testing.assert_allclose(
    np.float32(got), want, rtol=tolerance, atol=10 * tolerance
  )
