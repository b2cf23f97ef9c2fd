"""Every kind of upsampling: output sizes, positions and receptive radius."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import config as config_lib
from autoencoder.image import resize
from autoencoder.models import upsamplings
from autoencoder.tasks import task as task_lib

call = jax.jit(lambda model, x: model(x))

# Every kind of upsampling, each with the kernel sizes that it accepts.
KERNELS = [('transposed', 3), ('transposed', 4)] + [
  (upsampling, 2) for upsampling in upsamplings.names()
]

# Every kind but 'unpool', which cannot enlarge the input.
ENLARGING = [name for name in upsamplings.names() if name != 'unpool']

OTHERS = [pair for pair in KERNELS if pair != ('transposed', 2)]


@pytest.mark.parametrize('upsampling, kernel', OTHERS)
def test_every_upsampling_keeps_any_size(make, upsampling, kernel):
  model = make(upsampling=upsampling, kernel=kernel, blocks=0)
  for size in [(1, 1), (7, 10)]:
    x = jnp.ones((2, *size, 3))
    # Only shapes; other tests here run such models.
    assert jax.eval_shape(call, model, x).shape == x.shape


@pytest.mark.parametrize('stem_stride', [1, 2])
@pytest.mark.parametrize('upsampling', ENLARGING)
def test_a_scale_enlarges_any_size(make, upsampling, stem_stride):
  for scale in (2, 3, 4):
    model = make(
      upsampling=upsampling, stem_stride=stem_stride, scale=scale, blocks=0
    )
    for height, width in [(1, 1), (7, 10)]:
      x = jnp.ones((2, height, width, 3))
      shape = (2, scale * height, scale * width, 3)
      assert jax.eval_shape(call, model, x).shape == shape


def test_a_residual_model_with_a_scale_is_bicubic_at_first(make):
  x = jax.random.uniform(jax.random.key(0), (1, 5, 6, 3))
  for options in ({'stem_stride': 1}, {'upsampling': 'subpixel'}):
    result = call(make(scale=3, **options), x)
    np.testing.assert_allclose(result, resize.bicubic(x, 3), atol=1e-6)


@pytest.mark.parametrize('upsampling', ENLARGING)
def test_enlarging_shifts_no_pixel(make, trained_looking, upsampling):
  """The flipped model, applied to a flipped input, gives the flipped output."""
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
    for name in ('kernel', 'bias'):  # The flip must not permute phases.
      leaf = last[name]
      phases = leaf.reshape(*leaf.shape[:-1], 2, 2, 3)[..., ::-1, ::-1, :]
      last[name] = phases.reshape(leaf.shape)
  x = jax.random.uniform(jax.random.key(0), (1, 6, 8, 3))
  np.testing.assert_allclose(
    call(nnx.merge(graphdef, turned), flip(x)), flip(call(model, x)), atol=1e-4
  )


def test_unpooling_places_a_maximum_where_it_was(make):
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


def test_the_error_for_missing_switches_says_what_to_do(make):
  model = make(upsampling='unpool', skips=False)
  latent = model.encode(jnp.ones((1, 8, 8, 3))).latent
  with pytest.raises(
    ValueError, match='build the model with another upsampling'
  ):
    model.decode(latent)


@pytest.mark.parametrize(
  'options, words',
  [
    ({'upsampling': 'resize'}, "'bilinear', 'nearest'.*got 'resize'"),
    ({'kernel': 1}, 'kernel must be at least 2.*got 1'),
    ({'stem_stride': 3}, 'stem_stride takes 1, 2 or 4'),
    ({'upsampling': 'unpool', 'stem_stride': 4}, 'stem_stride must be 1 or 2'),
    ({'upsampling': 'unpool', 'kernel': 3}, "'unpool'.*kernel=3"),
    (
      {'upsampling': 'unpool', 'scale': 2},
      'got scale=2. Use another upsampling',
    ),
    ({'scale': 0}, 'scale must be at least 1'),
  ],
)
def test_errors_name_options_that_do_not_fit(make, options, words):
  with pytest.raises(ValueError, match=words):
    make(**options)


@pytest.mark.parametrize('kernel', [2, 4])
def test_only_equal_phases_are_free_of_checkerboards_at_first(make, kernel):
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
def test_the_receptive_radius_is_an_upper_bound(
  make, trained_looking, upsampling, kernel, blocks, stem_stride, scale
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
    # Change the pixel both up and down: a maximum may ignore one of them.
    for change in (3.0, -3.0):
      changed = x.at[0, at, at].add(change)
      difference = np.abs(call(model, changed) - before).sum((0, 3))
      rows, columns = np.nonzero(difference > 1e-6)
      rows, columns = rows // scale, columns // scale
      reach = max(reach, np.abs(rows - at).max(), np.abs(columns - at).max())
  assert reach <= radius
  assert reach > radius / 3  # The bound is not far too large.


@pytest.fixture
def mine():
  """The name of an upsampling that only this test registers."""
  name = 'mine'
  upsamplings.register(name, upsamplings.find('bilinear'))
  yield name
  del upsamplings.registry._registered[name]


def test_a_registered_upsampling_is_one_more_name(make, mine):
  assert mine in upsamplings.names()
  x = jax.random.uniform(jax.random.key(0), (1, 9, 7, 3))
  expected = make(upsampling='bilinear')
  model = make(upsampling=mine)
  assert model.receptive_radius == expected.receptive_radius
  np.testing.assert_array_equal(call(model, x), call(expected, x))


def test_the_task_builds_a_registered_upsampling(mine):
  config = config_lib.Config()
  config.model = config_lib.ModelConfig(3, 3, widths=(4, 8), upsampling=mine)
  config.validate()
  model = task_lib.build_autoencoder(config, nnx.Rngs(0))
  assert model(jnp.ones((1, 8, 8, 3))).shape == (1, 8, 8, 3)
