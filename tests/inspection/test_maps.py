"""The view of a deconvolutional network against its decomposition."""

import json
import types

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import sparse
from autoencoder.inspection import inside
from autoencoder.inspection import maps
from autoencoder.inspection import page
from autoencoder.sparse import learning

TASK = types.SimpleNamespace(make_example=learning.make_example)
CONFIG = types.SimpleNamespace(
  evaluation=types.SimpleNamespace(max_images=0, center_crop=0)
)
SIDE = 40


class Source(list):
  name = 'three'


def make_source(*images):
  return Source(
    [{'image': image, 'name': f'{i}.png'} for i, image in enumerate(images)]
  )


@pytest.fixture(scope='module')
def model():
  """Returns a network with filters of 5 x 5 and 3 x 3."""
  options = sparse.Options(
    filters=(3, 4), sizes=(5, 3), weights=(4.0, 8.0), test_iterations=8
  )
  return sparse.DeconvolutionalNetwork(1, options, rngs=nnx.Rngs(0))


@pytest.fixture(scope='module')
def source():
  images = np.random.default_rng(0).integers(
    0, 256, (2, SIDE, SIDE, 1), np.uint8
  )
  return make_source(*images, np.full((SIDE, SIDE, 1), 77, np.uint8))


@pytest.fixture(scope='module')
def found(model, source):
  return inside.look(model, TASK, CONFIG, source)


@pytest.mark.parametrize('layer', [0, 1])
def test_the_field_is_the_pixels_that_a_coefficient_changes(model, layer):
  field = maps.compute_field(model, layer)
  side = 20 + field.size - 1
  single = jnp.zeros((1, side, side, model.options.filters[layer]))
  image = model.project(single.at[0, 12, 9].set(1.0), layer)[0, ..., 0]
  assert image.shape == (20, 20)
  for place, axis in ((12, 1), (9, 0)):
    pixels = np.flatnonzero(np.asarray(image).any(axis))
    first = field.start + place * field.stride
    assert (pixels[0], pixels[-1]) == (first, first + field.size - 1)


@pytest.mark.parametrize('layer', [0, 1])
def test_usage_and_places_match_the_maps(model, source, found, layer):
  view = found.layers[layer]
  images = np.stack([item['image'] for item in source]).astype(np.float32)
  whole = jax.jit(model.decompose)(images / 255)
  field, every = view.field, np.asarray(whole.maps[layer])
  # Coefficients whose filters lie inside the image.
  first, last = field.size - 1, SIDE
  inner = every[:, first:last, first:last]
  used = (inner != 0).mean((0, 1, 2))
  np.testing.assert_allclose(view.usage.active, used, atol=1e-6)
  np.testing.assert_allclose(
    view.usage.mean, np.abs(inner).mean((0, 1, 2)), rtol=1e-4
  )
  spent = found.sparsity[layer]
  assert spent.coefficients == pytest.approx(used.sum(), rel=1e-5)
  np.testing.assert_allclose(spent.shares, used / used.sum(), rtol=1e-5)
  channel = int(used.argmax())
  # One for each photo; the constant image has none.
  shown = view.channels[channel].strongest
  assert len(shown) == 2
  for feature in shown:
    number = int(feature.window.name[0])
    one = inner[number, ..., channel]
    y, x = np.unravel_index(np.abs(one).argmax(), one.shape)
    assert feature.value == pytest.approx(one[y, x], rel=1e-4)
    # In pixels of the image, the first of these coefficients is at 0.
    assert feature.box == (y, y + field.size, x, x + field.size)
    alone = np.zeros_like(every[:1])
    alone[0, ..., channel] = every[number, ..., channel]
    part = np.s_[y : y + field.size, x : x + field.size]
    np.testing.assert_allclose(
      feature.projection, model.project(alone, layer)[0][part], atol=1e-4
    )
    normalised = np.asarray(whole.below[0][number])[part]
    peak = np.abs(normalised).max()
    np.testing.assert_allclose(
      2 * feature.crop - 1, normalised / peak, atol=1e-4
    )
  np.testing.assert_array_equal(
    view.channels[channel].pattern.projection,
    sparse.in_pixels(model, layer)[channel],
  )


def test_page_and_json_have_the_numbers(found, tmp_path):
  info = {'task': 'sums', 'data': 'three', 'step': 5}
  text = page.write_page(tmp_path, found, info).read_text()
  assert 'Sums, inside' in text and '3 windows of 3 images of three' in text
  numbers = json.loads((tmp_path / page.NUMBERS_FILE).read_text())
  assert [layer['name'] for layer in numbers['layers']] == [
    'layer 1', 'layer 2'
  ]  # fmt: skip
  for layer, spent in zip(numbers['layers'], found.sparsity):
    assert layer['dead'] == np.flatnonzero(spent.shares == 0).tolist()
    assert sum(layer['shares']) == pytest.approx(1.0, abs=1e-4)
    assert layer['receptive_field']['size'] >= layer['measured']['effective']
    assert f'>{layer["coefficients"]:.3g}</td>' in text


def test_two_equally_used_maps_of_four_count_as_two():
  active = np.array([0.1, 0.0, 0.1, 0.0])
  usage = maps.activations.Usage(active, active, active)
  assert maps.describe(usage, 30.0).effective == pytest.approx(2.0)


def test_all_maps_are_dead_for_a_constant_image(model, tmp_path):
  flat = make_source(np.full((SIDE, SIDE, 1), 77, np.uint8))
  found = inside.look(model, TASK, CONFIG, flat)
  for layer, spent in zip(found.layers, found.sparsity):
    assert layer.channels == {}
    assert spent.coefficients == spent.effective == 0 and spent.psnr == 100
  page.write_page(tmp_path, found, {'data': 'flat'})
  numbers = json.loads((tmp_path / page.NUMBERS_FILE).read_text())
  assert numbers['layers'][1]['dead'] == [0, 1, 2, 3]


def test_images_and_weights_that_cannot_be_used_are_named(model, source):
  small = make_source(np.zeros((8, 9, 1), np.uint8))
  with pytest.raises(ValueError, match=r"image '0.png': .*at least 10 x 10"):
    inside.look(model, TASK, CONFIG, small)
  broken = nnx.clone(model)
  broken.bank0.kernel[...] = jnp.nan
  with pytest.raises(ValueError, match='filters of layer 1 are not finite'):
    inside.look(broken, TASK, CONFIG, source)
