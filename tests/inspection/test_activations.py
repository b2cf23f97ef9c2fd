"""Statistics of one pass against a search by brute force, and windows."""

import types

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import config as config_lib
from autoencoder.inspection import activations
from autoencoder.inspection import receptive_field
from autoencoder.inspection import steps as steps_lib
from autoencoder.inspection import windows as windows_lib
from autoencoder.tasks import restoration
from autoencoder.tasks import task as task_lib


class Source:
  name = 'listed'

  def __init__(self, *shapes):
    rng = np.random.default_rng(0)
    self.images = [rng.integers(0, 256, (*s, 3), np.uint8) for s in shapes]

  def __len__(self):
    return len(self.images)

  def __getitem__(self, i):
    return {'image': self.images[i], 'name': f'{i}.png'}


TASK = restoration.make_task(
  lambda key, item, config: task_lib.Example(item['image'], item['image'])
)


def cut(source, side, count=100):
  config = config_lib.Config()
  return list(windows_lib.cut(TASK, config, source, count=count, side=side))


@pytest.fixture(scope='module')
def windows():
  return cut(Source((32, 40), (20, 32)), 16)


def test_every_pixel_belongs_to_one_window(windows):
  for name, shape in (('0.png', (32, 40)), ('1.png', (20, 32))):
    seen = np.zeros(shape, int)
    for window in windows:
      if window.name == name:
        top, left = window.origin
        box = [int(edge) for edge in window.own]
        seen[top + box[0] : top + box[1], left + box[2] : left + box[3]] += 1
        assert 0 <= box[0] < box[1] <= 16 and 0 <= box[2] < box[3] <= 16
    assert (seen == 1).all()


def test_a_window_is_its_part_of_the_image(windows):
  source = Source((32, 40), (20, 32))
  for window in windows:
    image = source.images[int(window.name[0])] / 255
    top, left = window.origin
    np.testing.assert_allclose(
      window.inputs, image[top : top + 16, left : left + 16], atol=1e-6
    )
    assert window.image == (-top, len(image) - top, -left, 40 - left) or (
      window.name == '1.png'
    )


def test_windows_are_spread_over_images_and_bounded():
  source = Source((64, 64), (64, 64), (64, 64), (64, 64))
  few = cut(source, 16, 2)
  assert [window.name for window in few] == ['0.png', '2.png']
  some = cut(source, 16, 12)
  assert [window.name for window in some] == [
    f'{i}.png' for i in range(4) for _ in range(3)
  ]
  # A small image is one window, extended by mirroring, which does not count.
  (small,) = cut(Source((9, 12)), 256)
  assert small.inputs.shape == (12, 12, 3)
  assert small.own == (0, 9, 0, 12)
  np.testing.assert_array_equal(small.inputs[9:], small.inputs[8:5:-1])


def test_statistics_equal_those_of_a_search(make_model, windows):
  model = make_model('unpool')
  top = 4
  found = activations.survey(model, windows, top=top)
  steps = steps_lib.encoder_steps(model)

  @jax.jit
  def run(x):
    return [y for y, _ in steps_lib.trace(steps, x)]

  outputs = jax.device_get(run(np.stack([w.inputs for w in windows])))
  checked = 0
  for layer in steps_lib.find_layers(steps):
    usage, strongest = found.layers[layer.name]
    field = receptive_field.compute(steps[: layer.end])
    values, everything = [], []
    for window, features in zip(windows, outputs[layer.end - 1]):
      counted = np.ones(features.shape[:2], bool)
      for at, low, high, start, end in zip(
        np.indices(counted.shape), window.own[::2], window.own[1::2],
        window.image[::2], window.image[1::2],
      ):  # fmt: skip
        center = field.start + at * field.stride + field.size / 2
        margin = min(field.size / 2, 4, (end - start) / 4)
        counted &= (low <= center) & (center < high)
        counted &= (start + margin <= center) & (center <= end - margin)
      if not counted.any():  # Places are coarse; see `place_range`.
        continue
      values.append(features[counted].max(0))
      everything.append(features[counted])
    if len(values) < len(windows):
      continue
    checked += 1
    expected = -np.sort(-np.array(values), axis=0)[:top].T
    np.testing.assert_allclose(strongest.values, expected, rtol=1e-5)
    everything = np.concatenate(everything)
    np.testing.assert_allclose(usage.mean, everything.mean(0), atol=1e-4)
    np.testing.assert_allclose(usage.deviation, everything.std(0), atol=1e-4)
    np.testing.assert_allclose(usage.active, (everything > 0).mean(0))
    for channel, row in enumerate(strongest.windows):
      assert len(set(row)) == top  # At most one per window.
      for value, number, place in zip(
        strongest.values[channel], row, strongest.places[channel]
      ):
        answer = outputs[layer.end - 1][(number, *place, channel)]
        assert answer == pytest.approx(value, rel=1e-5)
  assert checked


def test_weights_that_are_not_finite_are_reported(make_model, windows):
  graphdef, state = nnx.split(make_model('kernel 3'))
  state = jax.tree.map(lambda leaf: leaf * jnp.nan, nnx.as_pure(state))
  with pytest.raises(
    ValueError, match="Activations of down0 for image '0.png' are not"
  ):
    activations.survey(nnx.merge(graphdef, state), windows[:1])


def test_places_near_the_border_do_not_count():
  """Their fields would include padding, which is not part of the image."""
  window = types.SimpleNamespace(
    own=windows_lib.Box(0, 16, 4, 12), image=windows_lib.Box(0, 16, -30, 90)
  )
  field = receptive_field.Field(-1, 3, 1)
  places = activations.place_range(field, window, (16, 16))
  assert places == (1, 15, 4, 12)
  huge = receptive_field.Field(-50, 101, 1)
  assert activations.place_range(huge, window, (16, 16)) == (4, 12, 4, 12)
