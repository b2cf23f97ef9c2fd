"""Crops and projections of patches against those of whole windows."""

import jax
import numpy as np
import pytest

from autoencoder.inspection import activations
from autoencoder.inspection import features
from autoencoder.inspection import projection
from autoencoder.inspection import receptive_field
from autoencoder.inspection import steps as steps_lib
from autoencoder.inspection import windows as windows_lib

SIDE = 48
WHOLE = windows_lib.Box(0, SIDE, 0, SIDE)


@pytest.fixture(scope='module')
def windows():
  """Returns three windows of noise."""
  images = np.random.default_rng(0).random((3, SIDE, SIDE, 3), np.float32)
  return [
    windows_lib.Window(f'{i}.png', (0, 0), image, 1, WHOLE, WHOLE)
    for i, image in enumerate(images)
  ]


# A field inside the window, one beyond it, a pooling layer and a GDN layer.
@pytest.mark.parametrize(
  'name, layer',
  [
    ('stem 1', 1),
    ('stem 4', -1),
    ('unpool', 1),
    ('gdn', 1),
  ],
)
def test_a_patch_gives_the_projection_of_the_window(
  make_model, windows, name, layer
):
  model = make_model(name)
  steps = steps_lib.encoder_steps(model)
  layer = steps_lib.find_layers(steps)[layer]
  prefix = steps[: layer.end]
  field = receptive_field.compute(prefix)
  shape = (SIDE // field.stride,) * 2
  # At corners and in the middle of the window.
  places = [(0, 0), (shape[0] // 2, shape[1] // 2), (shape[0] - 1, 1)]
  strongest = activations.Strongest(
    np.array([[3.0, 2.0, 1.0], [1.0, -np.inf, -np.inf]]),
    np.array([[0, 1, 2], [1, 0, 0]]),
    np.array([places, [places[1]] * 3]),
  )
  shown = features.show(model, layer, strongest, windows, [0, 1])
  assert [len(shown[channel].strongest) for channel in (0, 1)] == [3, 1]

  @jax.jit
  def project(x, place, rule):
    *_, (found, _) = steps_lib.trace(prefix, x)
    at = (0, place[0], place[1], 0)
    seed = jax.numpy.zeros_like(found).at[at].set(found[at])
    return projection.project(prefix, x, seed, (rule[0], rule[1]))[0]

  scales = []
  cases = [('guided', *case) for case in zip(shown[0].strongest, places)]
  for rule, feature, place in [
    *cases, ('deconvnet', shown[0].pattern, places[0])
  ]:  # fmt: skip
    x = feature.window.inputs
    box = [int(edge) for edge in feature.box]
    part = np.s_[box[0] : box[1], box[2] : box[3]]
    np.testing.assert_array_equal(feature.crop, x[part])
    whole = project(x[None], np.array(place), np.array(projection.RULES[rule]))
    scale = np.abs(whole).max()
    scales.append(scale)
    np.testing.assert_allclose(
      feature.projection, whole[part], atol=1e-5 * scale
    )
    # The projection is 0 outside the box.
    outside = np.array(whole)
    outside[part] = 0
    assert not outside.any()
    assert box[1] - box[0] == min(field.size, SIDE)
  assert max(scales) > 0  # Not all places are where a ReLU outputs 0.
