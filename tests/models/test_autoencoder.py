from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import config as config_lib
from autoencoder import models
from autoencoder import resize


def make(**kwargs):
  options = {'widths': (8, 12), 'latent_channels': 4, 'stem_stride': 2}
  options |= kwargs
  return models.Autoencoder(3, 3, **options, rngs=nnx.Rngs(0))


def trained_looking(model, seed=1):
  """Fills zero-initialised kernels, so that every path carries signal."""
  graphdef, state = nnx.split(model)
  leaves, structure = jax.tree.flatten(nnx.as_pure(state))
  keys = jax.random.split(jax.random.key(seed), len(leaves))
  leaves = [
    leaf if leaf.any() else 0.1 * jax.random.normal(key, leaf.shape)
    for key, leaf in zip(keys, leaves)
  ]
  return nnx.merge(graphdef, jax.tree.unflatten(structure, leaves))


call = jax.jit(lambda model, x: model(x))


# Every way to double H and W, with the kernels that it takes.
KERNELS = [('transposed', 3), ('transposed', 4)] + [
  (upsampling, 2) for upsampling in config_lib.UPSAMPLINGS
]
# All but unpooling, which finds nothing beyond the input to put back.
ENLARGING = [name for name in config_lib.UPSAMPLINGS if name != 'unpool']
OTHERS = [pair for pair in KERNELS if pair != ('transposed', 2)]


@pytest.mark.parametrize('stem_stride', [1, 2, 4])
@pytest.mark.parametrize('skips', [True, False])
def test_any_size_in_the_same_size_out(skips, stem_stride):
  model = make(skips=skips, stem_stride=stem_stride)
  for size in [(1, 1), (1, 9), (7, 2), (13, 10)]:
    x = jnp.ones((2, *size, 3))
    assert call(model, x).shape == x.shape


@pytest.mark.parametrize('upsampling, kernel', OTHERS)
def test_any_size_with_every_upsampling(upsampling, kernel):
  model = make(upsampling=upsampling, kernel=kernel, blocks=0)
  for size in [(1, 1), (7, 10)]:
    x = jnp.ones((2, *size, 3))
    # Shapes alone: that programs of this kind run is seen below.
    assert jax.eval_shape(call, model, x).shape == x.shape


@pytest.mark.parametrize('stem_stride', [1, 2])
@pytest.mark.parametrize('upsampling', ENLARGING)
def test_any_size_is_enlarged_by_the_scale(upsampling, stem_stride):
  for scale in (2, 3, 4):
    model = make(
      upsampling=upsampling, stem_stride=stem_stride, scale=scale, blocks=0
    )
    for height, width in [(1, 1), (7, 10)]:
      x = jnp.ones((2, height, width, 3))
      shape = (2, scale * height, scale * width, 3)
      assert jax.eval_shape(call, model, x).shape == shape


def test_an_enlarging_model_starts_as_bicubic():
  x = jax.random.uniform(jax.random.key(0), (1, 5, 6, 3))
  for options in ({'stem_stride': 1}, {'upsampling': 'subpixel'}):
    result = call(make(scale=3, **options), x)
    np.testing.assert_allclose(result, resize.bicubic(x, 3), atol=1e-6)


@pytest.mark.parametrize('upsampling', ENLARGING)
def test_an_enlarged_pixel_stays_where_it_was(upsampling):
  """No layer shifts the output by a pixel or favours a side."""
  model = make(widths=(8,), stem_stride=1, upsampling=upsampling, scale=2)
  model = trained_looking(model)
  flip = lambda x: x[:, ::-1, ::-1]  # noqa: E731
  graphdef, params = nnx.split(model)
  turned = jax.tree.map(
    lambda leaf: leaf[::-1, ::-1] if leaf.ndim == 4 else leaf,
    nnx.as_pure(params),
  )
  if upsampling.startswith('subpixel'):
    last = turned['decoder']['up0']
    for name in ('kernel', 'bias'):  # Phases are not turned by that.
      leaf = last[name]
      phases = leaf.reshape(*leaf.shape[:-1], 2, 2, 3)[..., ::-1, ::-1, :]
      last[name] = phases.reshape(leaf.shape)
  x = jax.random.uniform(jax.random.key(0), (1, 6, 8, 3))
  np.testing.assert_allclose(
    call(nnx.merge(graphdef, turned), flip(x)), flip(call(model, x)), atol=1e-4
  )


@pytest.mark.parametrize(
  'upsampling, options',
  [(name, {'widths': (8,)}) for name in config_lib.UPSAMPLINGS]
  + [('transposed', {'stem_stride': 1}), ('unpool', {'stem_stride': 1})],
)
def test_decode_undoes_encode_in_two_steps(upsampling, options):
  model = trained_looking(
    make(upsampling=upsampling, residual=False, **options)
  )
  x = jax.random.uniform(jax.random.key(0), (1, 6, 8, 3))
  decoded = jax.jit(lambda model, x: model.decode(*model.encode(x)))(model, x)
  np.testing.assert_allclose(decoded, call(model, x), atol=1e-5)
  assert jnp.abs(decoded).max() > 0.01


def test_unpooling_puts_a_maximum_back_where_it_was():
  model = make(upsampling='unpool', widths=(8,), skips=False)
  x = jax.random.uniform(jax.random.key(0), (1, 6, 8, 3))
  latent, skips, (switches,) = model.encode(x)
  assert skips == ()
  assert switches.shape == (1, 3, 4, 8) and switches.dtype == jnp.int32
  standard = (x - 0.5) / 0.25
  features = model.encoder.down0.conv(standard)
  pooled, places = model.encoder.down0(standard)
  np.testing.assert_array_equal(places, switches)
  back = model.decoder.up0.unpool(pooled, switches)
  kept = back != 0
  assert kept.sum() == pooled.size
  np.testing.assert_array_equal(back[kept], features[kept])


def test_integers_are_not_taken_for_pictures():
  with pytest.raises(ValueError, match='got uint8: divide by 255'):
    make()(jnp.ones((1, 8, 8, 3), jnp.uint8))


def test_unpooling_without_switches_names_the_way_out():
  model = make(upsampling='unpool', skips=False)
  latent = model.encode(jnp.ones((1, 8, 8, 3))).latent
  with pytest.raises(ValueError, match="another upsampling than 'unpool'"):
    model.decode(latent)


@pytest.mark.parametrize(
  'options, words',
  [
    ({'upsampling': 'resize'}, "'nearest', 'bilinear'.*got 'resize'"),
    ({'kernel': 1}, 'kernel=1 leaves gaps'),
    ({'stem_stride': 3}, 'stem_stride takes 1, 2 or 4'),
    ({'upsampling': 'unpool', 'stem_stride': 4}, 'stem_stride takes 1 or 2'),
    ({'upsampling': 'unpool', 'kernel': 3}, "'unpool'.*kernel=3"),
    ({'upsampling': 'unpool', 'scale': 2}, 'scale=2 take another upsampling'),
    ({'scale': 0}, 'scale must be at least 1'),
  ],
)
def test_upsampling_that_cannot_be_is_named(options, words):
  with pytest.raises(ValueError, match=words):
    make(**options)


@pytest.mark.parametrize('kernel', [2, 4])
def test_only_equal_phases_start_without_a_checkerboard(kernel):
  x = jnp.ones((1, 16, 16, 3))
  roughness = {}
  names = ('transposed', 'subpixel', 'nearest')
  plain = ('transposed_plain', 'subpixel_plain')
  for upsampling in names + plain:
    model = make(
      upsampling=upsampling,
      kernel=kernel,
      widths=(8,),
      stem_stride=2,
      skips=False,
      residual=False,
    )
    inside = call(model, x)[:, 6:-6, 6:-6]
    roughness[upsampling] = float(inside.std((1, 2)).max())
  assert all(roughness[name] < 1e-6 for name in names)
  assert all(roughness[name] > 0.1 for name in plain)


def test_residual_model_starts_as_the_identity():
  x = jax.random.uniform(jax.random.key(0), (1, 12, 8, 3))
  np.testing.assert_array_equal(call(make(), x), x)


def test_plain_model_does_not():
  x = jax.random.uniform(jax.random.key(0), (1, 12, 8, 3))
  assert jnp.abs(call(make(residual=False), x) - x).max() > 0.1


def test_without_skips_the_latent_is_all_that_passes():
  model = trained_looking(make(skips=False, residual=False))
  x = jax.random.uniform(jax.random.key(0), (1, 16, 24, 3))
  encoded = model.encode(x)
  assert encoded.latent.shape == (1, 4, 6, 4)
  assert encoded.skips == ()
  np.testing.assert_allclose(
    model.decode(encoded.latent), call(model, x), atol=1e-5
  )


def test_with_skips_decode_asks_for_them():
  model = make()
  encoded = model.encode(jnp.ones((1, 8, 8, 3)))
  with pytest.raises(ValueError, match='decode'):
    model.decode(encoded.latent)
  assert model.decode(*encoded).shape == (1, 8, 8, 3)


@pytest.mark.parametrize(
  'upsampling, kernel, blocks, stem_stride, scale',
  [(*pair, 0, 2, 1) for pair in KERNELS]
  + [('transposed', 5, 0, 2, 1), ('transposed', 2, 1, 2, 1)]
  + [('unpool', 2, 1, 2, 1), ('unpool', 2, 0, 1, 1)]
  + [('transposed', 2, 1, 1, 1), ('nearest', 2, 0, 1, 1)]
  + [(name, 2, 0, 1, 3) for name in ENLARGING]
  + [('transposed', 4, 0, 2, 2), ('bilinear', 2, 0, 2, 2)]
  + [('transposed', 2, 0, 4, 1), ('transposed', 3, 0, 4, 1)]
  + [('subpixel', 2, 0, 4, 1)],
)
def test_receptive_radius_bounds_what_a_pixel_reaches(
  upsampling, kernel, blocks, stem_stride, scale
):
  model = trained_looking(
    make(
      upsampling=upsampling,
      kernel=kernel,
      blocks=blocks,
      stem_stride=stem_stride,
      scale=scale,
    )
  )
  radius, side = model.receptive_radius, 96
  x = jax.random.uniform(jax.random.key(0), (1, side, side, 3))
  before = call(model, x)
  reach = 0
  for at in (46, 47, 48, 49):
    # One step up and one down: a maximum may ignore either.
    for change in (3.0, -3.0):
      changed = x.at[0, at, at].add(change)
      difference = np.abs(call(model, changed) - before).sum((0, 3))
      rows, columns = np.nonzero(difference > 1e-6)
      rows, columns = rows // scale, columns // scale
      reach = max(reach, np.abs(rows - at).max(), np.abs(columns - at).max())
  assert reach <= radius
  assert reach > radius / 3  # The bound is not an empty one.


def test_moving_the_image_by_a_stride_moves_the_output():
  model = trained_looking(make())
  x = jax.random.uniform(jax.random.key(0), (1, 160, 8, 3))
  moved = jnp.roll(x, model.stride, axis=1)
  inside = slice(60, 100)
  np.testing.assert_allclose(
    jnp.roll(call(model, x), model.stride, axis=1)[:, inside],
    call(model, moved)[:, inside],
    atol=1e-5,
  )


def test_bfloat16_computes_close_to_float32_and_answers_in_float32():
  x = jax.random.uniform(jax.random.key(0), (1, 16, 16, 3))
  single, half = (
    call(trained_looking(make(dtype=dtype)), x)
    for dtype in ('float32', 'bfloat16')
  )
  assert half.dtype == jnp.float32
  assert 0 < jnp.abs(single - half).max() < 0.05


@pytest.mark.parametrize('upsampling', config_lib.UPSAMPLINGS)
def test_signal_keeps_its_size_through_the_untrained_network(upsampling):
  model = make(
    upsampling=upsampling,
    widths=(24, 48),
    latent_channels=64,
    blocks=0,
    residual=False,
    skips=False,
  )
  x = 0.5 + 0.25 * jax.random.normal(jax.random.key(0), (2, 32, 32, 3))
  # A relu before a layer halves the power, and nothing else may.
  assert 0.2 < call(model, x).std() < 2.0


@pytest.mark.parametrize('upsampling', ['transposed', 'unpool'])
def test_gradient_reaches_every_parameter(upsampling):
  model = trained_looking(make(upsampling=upsampling))
  graphdef, params = nnx.split(model)
  x = jax.random.uniform(jax.random.key(0), (1, 16, 16, 3))
  grads = jax.jit(
    jax.grad(lambda p: jnp.square(nnx.merge(graphdef, p)(x)).sum())
  )(nnx.as_pure(params))
  assert all(np.asarray(leaf).any() for leaf in jax.tree.leaves(grads))


@pytest.mark.parametrize('upsampling', config_lib.UPSAMPLINGS)
def test_usable_from_linen(upsampling):
  linen = nnx.bridge.ToLinen(
    models.Autoencoder,
    args=(3, 3),
    kwargs={'widths': (4, 8), 'blocks': 0, 'upsampling': upsampling},
  )
  x = jnp.ones((1, 5, 6, 3))
  variables = linen.init(jax.random.key(0), x)
  assert set(variables) == {'params'}
  assert linen.apply(variables, x).shape == x.shape
  encoded = linen.apply(variables, x, nnx_method='encode')
  assert encoded.latent.shape == (1, 3, 3, 64)


@pytest.mark.parametrize('shape', [(8, 8, 3), (1, 8, 8, 4)])
def test_wrong_input_states_the_shapes(shape):
  with pytest.raises(ValueError, match=r'\[N, H, W, 3\]'):
    make()(jnp.ones(shape))


def test_residual_needs_enough_input_channels():
  with pytest.raises(ValueError, match='model.residual'):
    models.Autoencoder(1, 3, rngs=nnx.Rngs(0))


def test_build_follows_the_config():
  config = config_lib.ModelConfig(in_channels=3, out_channels=3, widths=(4, 4))
  model = models.build(config, rngs=nnx.Rngs(0))
  assert model.stride == 2
  assert models.count_parameters(model) == sum(
    leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param))
  )
