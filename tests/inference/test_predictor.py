"""A compiled predictor equals the model, whole or in tiles."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import inference
from autoencoder.inference import predictor as predictor_lib


@jax.jit
def whole(model, inputs):
  """Applies the model to the whole image, mirrored by its border margin."""
  margin, (height, width) = model.border_margin, inputs.shape[1:3]
  sides = [(0, 0), (margin, margin), (margin, margin), (0, 0)]
  outputs = model(jnp.pad(inputs, sides, mode='symmetric'))
  scale = model.scale
  outputs = outputs[:, scale * margin :, scale * margin :]
  return outputs[:, : scale * height, : scale * width]


def noise(*shape):
  return np.random.default_rng(3).random(shape, np.float32)


@pytest.fixture(scope='module')
def model(make_model):
  return make_model()


@pytest.mark.parametrize(
  'height, width',
  [(1, 1), (1, 7), (5, 1), (80, 80), (81, 80), (90, 1), (127, 203), (160, 161)],
)
def test_any_size_equals_the_whole_image(model, height, width):
  inputs = noise(1, height, width, 3)
  outputs = inference.make_predictor(model, tile=80)(inputs)
  assert outputs.dtype == np.float32 and outputs.shape == inputs.shape
  np.testing.assert_allclose(outputs, whole(model, inputs), atol=1e-5)


@pytest.mark.parametrize(
  'upsampling', ['transposed', 'nearest', 'subpixel', 'unpool']
)
def test_every_architecture_without_a_seam(make_model, upsampling):
  model = make_model(
    widths=(4, 6, 8),
    blocks=1,
    upsampling=upsampling,
    kernel=2 if upsampling == 'unpool' else 4,
    residual=True,
  )
  # A tile of 1 is raised to the smallest tile, which gives the most seams.
  inputs = noise(1, 437, 425, 3)
  predict = inference.make_predictor(model, tile=1)
  outputs = predict(inputs)
  assert len(list(predict.tiles(inputs[0]))) >= 4
  expected = whole(model, inputs)
  # The outputs of this untrained model reach some hundreds.
  atol = 1e-5 * np.abs(expected).max()
  np.testing.assert_allclose(outputs, expected, atol=atol)


@pytest.mark.parametrize('options', [{}, {'widths': (4, 6), 'scale': 3}])
def test_enlarged_tiles_agree_with_the_whole(make_model, options):
  """This includes the border, where the bicubic interpolation mirrors."""
  model = make_model(
    **{'widths': (6,), 'stem_stride': 1, 'residual': True, 'scale': 2} | options
  )
  inputs = noise(1, 83, 70, 3)
  predict = inference.make_predictor(model, tile=32)
  assert len(list(predict.tiles(inputs[0]))) >= 4
  expected = whole(model, inputs)
  np.testing.assert_allclose(predict(inputs), expected, atol=1e-5)


def test_without_the_halo_there_is_a_seam(make_model):
  model = make_model()
  inputs = noise(1, 160, 160, 3)
  expected = whole(model, inputs)
  model.receptive_radius = 0
  outputs = inference.make_predictor(model, tile=80)(inputs)
  assert np.abs(outputs - expected).max() > 1e-3


def test_batches_are_computed_whole_and_in_tiles(model):
  inputs = noise(3, 90, 70, 3)
  expected = np.asarray(whole(model, inputs))
  for tile in (80, 128):
    outputs = inference.make_predictor(model, tile=tile)(inputs)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_the_iterator_yields_the_same_in_parts(model):
  image = noise(170, 90, 3)
  predict = inference.make_predictor(model, tile=80)
  parts = np.full((170, 90, 3), np.nan, np.float32)
  blocks = 0
  for block in predict.tiles(image):
    assert np.isnan(parts[block.rows, block.columns]).all()
    parts[block.rows, block.columns] = block.values
    blocks += 1
  assert blocks == 8
  np.testing.assert_array_equal(parts, predict(image[None])[0])


class Traced(nnx.Module):
  """Doubles its input, and counts in `shapes` how often it is traced."""

  stride, receptive_radius, in_channels, out_channels = 4, 4, 1, 1
  shapes = []

  def __init__(self):
    self.factor = nnx.Param(jnp.full((1, 300), 2.0))

  def __call__(self, x):
    self.shapes.append(x.shape)
    return x * self.factor[0, 0]


def test_one_compilation_for_all_tiles_and_photos_of_a_size():
  Traced.shapes.clear()
  predict = inference.make_predictor(Traced(), tile=32)
  for _ in range(2):
    inputs = noise(1, 101, 75, 1)
    np.testing.assert_array_equal(predict(inputs), 2 * inputs)
  assert len(Traced.shapes) == 1


def test_sizes_with_the_same_multiple_of_the_stride_share_a_compilation(
  make_model, monkeypatch
):
  model = make_model(widths=(4, 6, 8))
  sizes, answer = [], type(model).__call__

  def traced(self, x):
    sizes.append(x.shape[1:3])
    return answer(self, x)

  monkeypatch.setattr(type(model), '__call__', traced)
  predict = inference.make_predictor(model, tile=80)
  assert model.stride == 8
  for height, width in ((41, 63), (48, 64), (43, 57)):
    outputs = predict(noise(2, height, width, 3))
    assert outputs.shape == (2, height, width, 3)
  assert sizes == [(48, 64)]


def test_weights_are_an_argument_and_do_not_change():
  model = Traced()
  compiled = predictor_lib.compile_with_model(model, lambda model, x: model(x))
  x = noise(1, 8, 8, 1)

  def constants(jitted, *args):
    lines = jitted.lower(*args).as_text().splitlines()
    return [line for line in lines if 'constant' in line and '1x300x' in line]

  assert constants(jax.jit(lambda x: model(x)), x)  # The mistake to avoid.
  assert not constants(compiled.func, *compiled.args, x)
  model.factor[...] = jnp.zeros((1, 300))
  np.testing.assert_array_equal(compiled(x), 2 * x)


def test_weights_of_eight_devices_run_on_one(model):
  mesh = jax.make_mesh((8,), ('data',), (jax.sharding.AxisType.Auto,))
  graphdef, state = nnx.split(model)
  state = jax.device_put(state, jax.NamedSharding(mesh, jax.P()))
  replicated = nnx.merge(graphdef, state)
  compiled = predictor_lib.compile_with_model(replicated, lambda m, x: m(x))
  assert len(compiled(noise(1, 8, 8, 3)).devices()) == 1


def test_jax_arrays_and_other_floats(model):
  inputs = noise(1, 90, 20, 3)
  predict = inference.make_predictor(model, tile=80)
  expected = predict(inputs)
  np.testing.assert_array_equal(predict(jnp.asarray(inputs)), expected)
  np.testing.assert_array_equal(predict(inputs.astype(np.float64)), expected)
  half = jnp.asarray(inputs, jnp.bfloat16)
  np.testing.assert_allclose(predict(half), expected, atol=0.05)


@pytest.mark.parametrize(
  'inputs, message',
  [
    (np.zeros((1, 8, 8, 3), np.uint8), 'float array .* got uint8'),
    (np.zeros((8, 8, 3), np.float32), r'\[N, H, W, C\] .*\[8, 8, 3\]'),
    (np.zeros((1, 8, 8, 1), np.float32), 'takes 3 channels; .* has 1'),
    (np.zeros((1, 0, 8, 3), np.float32), 'no pixels'),
  ],
)
def test_wrong_arrays_are_refused(model, inputs, message):
  with pytest.raises(ValueError, match=message):
    inference.make_predictor(model)(inputs)


def test_wrong_image_is_refused_before_the_first_tile(model):
  with pytest.raises(ValueError, match=r'\[H, W, C\]'):
    inference.make_predictor(model).tiles(np.zeros((1, 8, 8, 3), np.float32))


def test_self_ensemble_is_the_mean_over_the_eight_views(model):
  inputs = noise(2, 6, 9, 3)
  predict = inference.make_predictor(model)
  ensemble = inference.self_ensemble(predict)
  answers = []
  for transposed in (False, True):
    for flips in ((), (1,), (2,), (1, 2)):
      view = np.flip(inputs, flips)
      view = view.swapaxes(1, 2) if transposed else view
      answer = predict(view)
      answer = answer.swapaxes(1, 2) if transposed else answer
      answers.append(np.flip(answer, flips))
  np.testing.assert_allclose(ensemble(inputs), np.mean(answers, 0), atol=1e-6)

  def turn(x):
    return np.rot90(x, 1, (1, 2))

  # Unlike the model, the ensemble is equivariant to rotation.
  np.testing.assert_allclose(
    ensemble(turn(inputs)), turn(ensemble(inputs)), atol=1e-6
  )
  assert np.abs(predict(turn(inputs)) - turn(predict(inputs))).max() > 1e-4
