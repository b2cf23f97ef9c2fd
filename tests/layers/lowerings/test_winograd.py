"""Winograd's algorithm is nearly as exact as the direct sum."""

import functools

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.layers import conv
from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import winograd

NUMBERS = ('NHWC', 'HWIO', 'NHWC')


def direct(x, kernel, padding):
  return lax.conv_general_dilated(
    x, kernel, (1, 1), padding, dimension_numbers=NUMBERS
  )


ours = functools.partial(winograd.convolution, direct)


def draw(shape, seed=0):
  return np.float32(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize('rows', [1, 4, 5, 11])
@pytest.mark.parametrize(
  'edges', [(1, 1), (0, 0), (2, 0), (3, 6), (-1, 2)], ids=str
)
@pytest.mark.parametrize('columns', [1, 3])
def test_equals_the_direct_sum(rows, edges, columns):
  if rows + sum(edges) < 3:
    pytest.skip('the kernel is larger than its image')
  padding = edges, (1, columns - 1)
  x, kernel = draw((2, rows, 5, 6)), draw((3, columns, 6, 4), 1)
  weight = draw(direct(x, kernel, padding).shape, 2)

  def run(convolution, x, kernel, weight):
    y, vjp = jax.vjp(lambda x, k: convolution(x, k, padding), x, kernel)
    return y, *vjp(weight)

  with jax.enable_x64(True):
    wide = [jnp.asarray(a, 'float64') for a in (x, kernel, weight)]
    expected = jax.jit(functools.partial(run, direct))(*wide)
    in_64 = jax.jit(functools.partial(run, ours))(*wide)
  got = jax.jit(functools.partial(run, ours))(x, kernel, weight)
  for a, b, c in zip(got, in_64, expected, strict=True):
    assert a.dtype == np.float32
    np.testing.assert_allclose(a, c, atol=2e-5 * max(np.abs(c).max(), 1))
    np.testing.assert_allclose(b, c, atol=1e-13 * max(np.abs(c).max(), 1))


@pytest.mark.parametrize('channels', [48, 128])
def test_rounding_error_is_small(channels):
  x = draw((1, 32, 32, channels))
  kernel = draw((3, 3, channels, channels), 1) / (9 * channels) ** 0.5
  padding = ((1, 1), (1, 1))
  with jax.enable_x64(True):
    exact = np.asarray(direct(jnp.float64(x), jnp.float64(kernel), padding))

  def error(convolution):
    y = jax.jit(convolution, static_argnums=2)(x, kernel, padding)
    return np.sqrt(np.mean((np.asarray(y, 'float64') - exact) ** 2))

  assert error(ours) < 3 * error(direct)
  assert error(ours) < 2e-6


def seen(monkeypatch):
  """Returns a list to which each further plan adds its forward way."""
  monkeypatch.setattr(choose, '_WINOGRAD_MACS', 0)
  chosen, plan = [], choose.plan

  def remember(shape, backend):
    if backend.on_cpu:
      chosen.append(plan(shape, backend).forward)
    return plan(shape, backend)

  monkeypatch.setattr(choose, 'plan', remember)
  return chosen


def route(x, kernel, **kwargs):
  return conv.conv_general_dilated(
    x, kernel, (1, 1), 'SAME', dimension_numbers=NUMBERS, **kwargs
  )


def test_the_layer_uses_it_and_equals_flax(monkeypatch):
  chosen = seen(monkeypatch)
  x, kernel = draw((16, 32, 32, 48)), draw((3, 3, 48, 56), 1) / 20
  x_dot, kernel_dot = draw(x.shape, 2), draw(kernel.shape, 3)

  def run(convolution, x, kernel):
    y, y_dot = jax.jvp(convolution, (x, kernel), (x_dot, kernel_dot))
    of_sum = jax.grad(lambda *a: jnp.sin(convolution(*a)).sum(), (0, 1))
    return y, y_dot, of_sum(x, kernel)

  plain = functools.partial(direct, padding='SAME')
  got = jax.jit(functools.partial(run, route))(x, kernel)
  expected = jax.jit(functools.partial(run, plain))(x, kernel)
  assert chosen and set(chosen) == {'winograd'}
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(b).max())


@pytest.mark.parametrize(
  'kinds, kwargs',
  [
    (('float32', 'float32'), dict(precision='highest')),
    (('bfloat16', 'bfloat16'), {}),
    (('bfloat16', 'bfloat16'), dict(preferred_element_type='float32')),
  ],
  ids=str,
)
def test_higher_precision_rules_it_out(monkeypatch, kinds, kwargs):
  chosen = seen(monkeypatch)
  x, kernel = draw((16, 32, 32, 48)), draw((3, 3, 48, 48), 1)
  x, kernel = (jnp.asarray(a, kind) for a, kind in zip((x, kernel), kinds))
  jax.clear_caches()  # A function that is traced already asks for no plan.
  jax.eval_shape(functools.partial(route, **kwargs), x, kernel)
  assert chosen == ['unit_stride']
  chosen.clear()
  jax.clear_caches()
  with jax.default_matmul_precision('highest'):
    jax.eval_shape(route, jnp.float32(x), jnp.float32(kernel))
  assert chosen == ['unit_stride']


def test_a_batch_of_batches_and_second_derivatives(monkeypatch):
  monkeypatch.setattr(choose, '_WINOGRAD_CHANNELS', 2)
  chosen = seen(monkeypatch)
  x = jnp.asarray(draw((3, 2, 6, 5, 2)))
  kernel = draw((3, 3, 2, 3), 1)

  def every(convolution):
    f = jax.vmap(convolution, (0, None))
    loss = lambda k: jnp.sin(f(x, k)).sum()  # noqa: E731
    return jax.jit(lambda k: (f(x, k), jax.hessian(loss)(k)))(kernel)

  got = every(route)
  expected = every(functools.partial(direct, padding='SAME'))
  assert set(chosen) == {'winograd'}
  for a, b in zip(got, expected, strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
