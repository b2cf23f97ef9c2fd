"""Programs lowered for another platform than that of this host."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers

_NUMBERS = 'NHWC', 'HWIO', 'NHWC'
_X = jax.random.normal(jax.random.key(0), (2, 6, 4, 16))
_KERNEL = jax.random.normal(jax.random.key(1), (3, 3, 16, 20))


def _strided(x, kernel, convolve=layers.conv_general_dilated):
  return convolve(x, kernel, (2, 2), 'SAME', dimension_numbers=_NUMBERS)


def _lax(x, kernel):
  return _strided(x, kernel, jax.lax.conv_general_dilated)


def _transposed(x, kernel):
  return layers.conv_transpose(x, kernel, 2)


def _gradients(layer):
  def loss(x, kernel):
    y = layer(x, kernel)
    return jnp.sin(y).sum(), y

  return jax.jit(jax.grad(loss, (0, 1), has_aux=True))


def _export(layer, *platforms):
  export = jax.export.export(_gradients(layer), platforms=platforms)
  return export(_X, _KERNEL).mlir_module()


def _counts(text):
  names = 'convolution', 'dot_general', 'optimization_barrier', 'reverse'
  return [text.count(f'stablehlo.{name}') for name in names]


@pytest.mark.parametrize('platform', ['cuda', 'tpu'])
def test_other_platforms_get_plain_convolutions(platform):
  # For so few pixels CPU would take im2col, with barriers and products.
  assert 'dot_general' in _export(_strided, 'cpu')
  assert _counts(_export(_strided, platform)) == _counts(
    _export(_lax, platform)
  )
  # The transposed convolution is polyphase there, with JAX's own gradients.
  assert _counts(_export(_transposed, platform))[:3] == [3, 0, 0]


@pytest.mark.parametrize('layer', [_strided, _transposed])
def test_one_program_for_two_platforms_has_both(layer):
  export = jax.export.export(_gradients(layer), platforms=('cpu', 'cuda'))
  program = export(_X, _KERNEL)
  text = program.mlir_module()
  assert 'stablehlo.case' in text and 'dot_general' in text
  for got, want in zip(
    jax.tree.leaves(program.call(_X, _KERNEL)),
    jax.tree.leaves(_gradients(layer)(_X, _KERNEL)),
    strict=True,
  ):
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('layer', [_strided, _transposed])
def test_a_program_for_cpu_has_no_other_branch(layer):
  lowered = _gradients(layer).lower(_X, _KERNEL)
  # Each `case` has one branch, which XLA inlines.
  assert ' conditional(' not in lowered.compile().as_text()
  forward = jax.jit(layer).lower(_X, _KERNEL).as_text()
  assert _counts(forward)[0] == 1  # Phases of few elements are products.


def test_vmap_and_shard_map_keep_the_platform():
  mesh = jax.make_mesh((2,), ('data',), (jax.sharding.AxisType.Auto,))
  each, whole = jax.P('data'), jax.P()
  for layer in (_strided, _transposed):
    want = _gradients(layer)(_X, _KERNEL)
    spread = jax.shard_map(
      _gradients(layer),
      mesh=mesh,
      in_specs=(each, whole),
      out_specs=((each, whole), each),
    )
    one_by_one = jax.vmap(_gradients(layer), (0, None))
    (by_x, by_kernel), y = one_by_one(_X[:, None], _KERNEL)
    for got in (
      jax.jit(spread)(_X, _KERNEL),
      ((by_x[:, 0], by_kernel.sum(0)), y[:, 0]),
    ):
      for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
