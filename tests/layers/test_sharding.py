"""Layers on eight devices have the values and gradients of one device."""

import functools
import math

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import im2col


class _Pools(nnx.Module):
  """Max-pooling and unpooling, with a parameter as in the layers."""

  def __init__(self, in_features, out_features, window, strides, *, rngs):
    self.scale = nnx.Param(jnp.ones(in_features))
    self.pool = layers.MaxPool(window)
    self.unpool = layers.MaxUnpool(window)

  def __call__(self, x):
    scale = self.scale[...].reshape((1,) * (x.ndim - 1) + (-1,))
    return self.unpool(*self.pool(x * scale))


def _to_few_features(channels, _, *args, **kwargs):
  """Returns a layer whose weight gradient uses the operand swap."""
  return layers.ConvTranspose(channels, 3, *args, **kwargs)


LAYERS = {
  'transposed': (layers.ConvTranspose, (4, 4), (2, 2)),
  'transposed, uneven': (layers.ConvTranspose, (3, 3), (2, 2)),
  'strided': (layers.Conv, (4, 4), (2, 2)),
  'strided, uneven': (layers.Conv, (3, 3), (2, 2)),
  'patches': (layers.ConvTranspose, (2, 2), (2, 2)),
  'stride 1': (layers.Conv, (3, 3), (1, 1)),
  'to few features': (_to_few_features, (3, 3), (1, 1)),
  'strided, few taps': (layers.Conv, (1, 2), (1, 2)),
  'resize': (layers.ResizeConv, (3, 3), (2, 2)),
  'resize, bilinear': (
    functools.partial(layers.ResizeConv, method='bilinear'),
    (3, 3),
    (2, 2),
  ),
  'sub-pixel': (layers.SubpixelConv, (3, 3), (2, 2)),
  'pooling': (_Pools, (2, 2), (2, 2)),
}


def _problem(name, monkeypatch):
  """Returns parameters, and a function that returns value and gradients.

  Groups and row blocks are so small that the ways for large batches run.
  """
  monkeypatch.setattr(im2col, '_GROUP_BYTES', 1)
  monkeypatch.setattr(choose, '_BLOCK_BYTES', 500)
  monkeypatch.setattr(choose, '_FEWEST_BLOCK_ROWS', 2)
  layer, kernel_size, strides = LAYERS[name]
  graph, params = nnx.split(
    layer(16, 16, kernel_size, strides, rngs=nnx.Rngs(0))
  )

  def run(params, x):
    def loss(params, x):
      y = nnx.merge(graph, params)(x)
      wave = jnp.sin(jnp.arange(math.prod(y.shape[1:]), dtype=y.dtype))
      per_image = (y * y * wave.reshape(1, *y.shape[1:])).sum((1, 2, 3))
      return per_image.sum(), y

    grads, y = jax.grad(loss, (0, 1), has_aux=True)(params, x)
    return y, *grads

  return params, run


_expected = {}


def _on_one_device(name, params, run, x):
  """Returns the result for one device, compiled once for several tests."""
  key = name, x.shape
  if key not in _expected:
    _expected[key] = jax.jit(run)(params, x)
  return _expected[key]


def _check(got, want):
  for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
    np.testing.assert_allclose(
      a, b, rtol=1e-4, atol=1e-5 * float(jnp.abs(b).max())
    )


@pytest.mark.parametrize('name', LAYERS)
def test_jit_over_a_mesh_equals_one_device(name, monkeypatch):
  params, run = _problem(name, monkeypatch)
  mesh = jax.make_mesh((8,), ('data',), (jax.sharding.AxisType.Auto,))
  everywhere = jax.NamedSharding(mesh, jax.P())
  split = jax.NamedSharding(mesh, jax.P('data'))
  x = jax.random.normal(jax.random.key(0), (16, 6, 8, 16))
  want = _on_one_device(name, params, run, x)
  spread = jax.jit(
    run,
    in_shardings=(everywhere, split),
    out_shardings=(split, everywhere, split),
  )
  got = spread(jax.device_put(params, everywhere), jax.device_put(x, split))
  assert got[0].sharding.is_equivalent_to(split, 4)
  assert got[0].addressable_shards[0].data.shape[0] == 2
  _check(got, want)
  # No image moves to another device, only parameter gradients are summed.
  program = spread.lower(params, x).compile().as_text()
  assert 'all-gather' not in program
  assert 'all-to-all' not in program


@pytest.mark.parametrize('name', LAYERS)
def test_pmap_equals_one_device(name, monkeypatch):
  params, run = _problem(name, monkeypatch)
  x = jax.random.normal(jax.random.key(0), (16, 6, 8, 16))
  want = _on_one_device(name, params, run, x)

  @functools.partial(
    jax.pmap, axis_name='data', in_axes=(None, 0), out_axes=(0, None, 0)
  )
  def spread(params, x):
    y, by_params, by_x = run(params, x)
    return y, jax.lax.psum(by_params, 'data'), by_x

  y, by_params, by_x = spread(params, x.reshape(8, 2, *x.shape[1:]))
  _check((y.reshape(want[0].shape), by_params, by_x.reshape(x.shape)), want)


@pytest.mark.parametrize('name', LAYERS)
def test_batch_that_does_not_divide(name, monkeypatch):
  # A mesh cannot split 5 images over 8 devices. All images on every device, and
  # a mesh that splits the rows of images, both work.
  params, run = _problem(name, monkeypatch)
  x = jax.random.normal(jax.random.key(0), (5, 16, 8, 16))
  want = _on_one_device(name, params, run, x)
  mesh = jax.make_mesh((8,), ('data',), (jax.sharding.AxisType.Auto,))
  with pytest.raises(ValueError, match='evenly divide'):
    jax.device_put(x, jax.NamedSharding(mesh, jax.P('data')))
  for spec in (jax.P(), jax.P(None, 'data')):
    sharding = jax.NamedSharding(mesh, spec)
    got = jax.jit(run)(
      jax.device_put(params, jax.NamedSharding(mesh, jax.P())),
      jax.device_put(x, sharding),
    )
    _check(got, want)


@pytest.mark.parametrize('name', LAYERS)
def test_arrays_of_sharded_type(name, monkeypatch):
  params, run = _problem(name, monkeypatch)
  x = jax.random.normal(jax.random.key(0), (8, 6, 8, 16))
  want = _on_one_device(name, params, run, x)
  mesh = jax.make_mesh((8,), ('data',), (jax.sharding.AxisType.Explicit,))
  with jax.set_mesh(mesh):
    got = jax.jit(run)(
      jax.device_put(params, jax.P()), jax.device_put(x, jax.P('data'))
    )
    assert jax.typeof(got[0]).sharding.spec[0] == 'data'
  _check(got, want)


@pytest.mark.parametrize('name', ['stride 1', 'to few features', 'transposed'])
def test_mesh_with_as_many_images_as_eigen_takes_at_once(name, monkeypatch):
  # 8 images per device: `row_blocks` instead of `padded_input`.
  params, run = _problem(name, monkeypatch)
  x = jax.random.normal(jax.random.key(0), (64, 8, 4, 16))
  want = _on_one_device(name, params, run, x)
  mesh = jax.make_mesh((8,), ('data',), (jax.sharding.AxisType.Auto,))
  for spec in (jax.P('data'), jax.P(None, 'data')):
    got = jax.jit(run)(
      jax.device_put(params, jax.NamedSharding(mesh, jax.P())),
      jax.device_put(x, jax.NamedSharding(mesh, spec)),
    )
    _check(got, want)


@pytest.mark.parametrize(
  'kind, rank, options',
  [
    (nnx.ConvTranspose, 2, {'strides': 2}),
    (nnx.ConvTranspose, 2, {'kernel_dilation': 2}),
    (nnx.ConvTranspose, 1, {'strides': 2}),
    (nnx.ConvTranspose, 3, {'strides': 2}),
    (nnx.Conv, 2, {'strides': 2}),
    (nnx.Conv, 2, {'strides': 2, 'feature_group_count': 2}),
  ],
)
def test_shard_map_checks_what_varies(kind, rank, options):
  """Gradients within `jax.shard_map` and `vmap` of it equal Flax's."""
  mesh = jax.make_mesh((4,), ('data',), (jax.sharding.AxisType.Auto,))
  each, whole = jax.P('data'), jax.P()
  x = jax.random.normal(jax.random.key(0), (2, 4, *(5, 4, 3)[:rank], 4))
  results = []
  for layer in (getattr(layers, kind.__name__), kind):
    made = layer(4, 6, (3,) * rank, rngs=nnx.Rngs(0), **options)
    made.kernel[...] = jax.random.normal(jax.random.key(1), made.kernel.shape)
    graph, params = nnx.split(made)

    def loss(params, x, graph=graph):
      return jnp.sin(nnx.merge(graph, params)(x)).sum()

    spread = jax.shard_map(
      jax.grad(loss, (0, 1)),
      mesh=mesh,
      in_specs=(whole, each),
      out_specs=(whole, each),
    )
    one, many = jax.jit(
      lambda params, x, spread=spread: (
        spread(params, x[0]),
        jax.vmap(spread, (None, 0))(params, x),
      )
    )(params, x)
    results.append((one, many))
  _check(*results)
