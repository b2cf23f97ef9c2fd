"""Computed receptive fields against measured ones, and by hand."""

from flax import nnx
import jax
import numpy as np
import pytest

from autoencoder import layers
from autoencoder.inspection import receptive_field
from autoencoder.inspection import sheets
from autoencoder.inspection import steps as steps_lib


def measure(model, layer, place, x):
  """Measures the field of a place by autodiff, without our transposes."""

  @jax.jit
  def gradient(model, x):
    steps = steps_lib.encoder_steps(model)[: layer.end]

    def total(x):
      *_, (features, _) = steps_lib.trace(steps, x)
      one = features[:, place[0], place[1]]
      # Different weights, so that gradients do not cancel.
      return (one * (1 + jax.numpy.arange(one.size).reshape(one.shape))).sum()

    return jax.grad(total)(x)

  return np.asarray((gradient(model, x) ** 2).sum((0, 3)))


def test_computed_equals_measured(model):
  """With 8 images, each ReLU is active for at least one of them."""
  steps = steps_lib.encoder_steps(model)
  layer = steps_lib.find_layers(steps)[-1]
  field = receptive_field.compute(steps[: layer.end])
  assert field.stride == model.stride
  side = 2 * -(-(field.size + 2 * field.stride) // 8) * 8
  side += -side % model.stride
  x = jax.random.uniform(jax.random.key(0), (8, side, side, 3))
  place = (side // field.stride // 2,) * 2
  energy = measure(model, layer, place, x)
  first = field.start + place[0] * field.stride
  found = receptive_field.measure(energy, field, place)
  assert found.first == (first, first)
  assert found.last == (first + field.size - 1,) * 2
  assert 1 <= found.effective <= field.size


def test_gradient_energy_equals_autodiff(make_model):
  model = make_model('unpool')
  steps = steps_lib.encoder_steps(model)
  x = jax.random.uniform(jax.random.key(0), (1, 32, 32, 3))
  energy = jax.jit(
    lambda x, key: receptive_field.gradient_energy(steps, x, key, (4, 3))
  )(x, jax.random.key(1))
  signs = jax.random.rademacher(jax.random.key(1), (1, 5), float)

  def total(x):
    *_, (features, _) = steps_lib.trace(steps, x)
    return (features[:, 4, 3] * signs).sum()

  expected = (jax.jit(jax.grad(total))(x) ** 2).sum((0, 3))
  np.testing.assert_allclose(energy, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
  'options, expected',
  [
    ({'kernel_size': (3, 3)}, (-1, 3, 1)),
    ({'kernel_size': (4, 4), 'strides': (2, 2)}, (-1, 4, 2)),
    ({'kernel_size': (2, 2), 'strides': (2, 2)}, (0, 2, 2)),
    ({'kernel_size': (3, 3), 'strides': (2, 2)}, (0, 3, 2)),
    ({'kernel_size': (3, 3), 'kernel_dilation': (3, 3)}, (-3, 7, 1)),
    ({'kernel_size': (3, 3), 'padding': 'VALID'}, (0, 3, 1)),
    ({'kernel_size': (3, 3), 'padding': ((2, 0), (2, 0))}, (-2, 3, 1)),
    ({'kernel_size': (3, 3), 'padding': 1}, (-1, 3, 1)),
  ],
  ids=str,
)
def test_the_field_of_one_convolution(options, expected):
  conv = layers.Conv(1, 1, **options, rngs=nnx.Rngs(0))
  assert receptive_field.compute(steps_lib.chain({'c': conv})) == expected


def test_the_field_of_several_layers():
  """A kernel of 3; pooling by 2 adds 1; a kernel of 3 at stride 2 adds 4."""
  conv = layers.Conv(1, 1, (3, 3), rngs=nnx.Rngs(0))
  steps = steps_lib.chain({
    'a': conv, 'pool': layers.MaxPool((2, 2)), 'b': conv
  })  # fmt: skip
  assert receptive_field.compute(steps) == (-3, 8, 2)


def test_a_cut_field_keeps_its_centre():
  energy = np.arange(1.0, 49.0).reshape(6, 8)
  field = receptive_field.Field(-4, 9, 2)
  # Rows -2 to 6 and columns 2 to 10: two rows are missing above, one below,
  # and three columns on the right.
  found = receptive_field.cut(energy, field, (1, 3))
  expected = np.zeros((9, 9))
  expected[2:8, :6] = energy[:, 2:]
  np.testing.assert_array_equal(found, expected)
  assert found[4, 4] == energy[2, 6]


def test_the_square_is_at_the_centre_of_a_cut_field():
  energy = np.zeros((24, 24))
  field = receptive_field.Field(-24, 48, 1)
  place = (6, 18)
  energy[5:7, 17:19] = (
    1.0  # Around the place, which is not the middle of the window.
  )
  tile = sheets.energy_tile(receptive_field.cut(energy, field, place), 4)
  bright = np.argwhere((tile != tile[0, 0]).any(-1))
  np.testing.assert_allclose(bright.mean(0), 47.5, atol=1.0)
  lines = np.argwhere((tile == 255).all(-1))
  np.testing.assert_allclose(lines.mean(0), 47.5, atol=1.0)
  np.testing.assert_allclose(np.ptp(lines, 0), 8, atol=1)


def test_the_effective_side_of_known_gradients():
  field = receptive_field.Field(-4, 9, 1)
  y, x = np.mgrid[:41, :41] - 20.0
  box = np.where(np.maximum(abs(y), abs(x)) <= 3, 1.0, 0.0)
  found = receptive_field.measure(box, field, (20, 20))
  assert (found.first, found.last) == ((17, 17), (23, 23))
  # 95 % are 47 of 49 pixels, which include the outermost ring.
  assert found.effective == 7
  peaked = box.copy()
  peaked[20, 20] = 1000.0
  assert receptive_field.measure(peaked, field, (20, 20)).effective == 1
  assert receptive_field.measure(0 * box, field, (20, 20)) is None
