"""Receptive fields are measured at places where a layer is active."""

from flax import nnx
import jax
import numpy as np
import pytest

from autoencoder.inspection import activations
from autoencoder.inspection import fields
from autoencoder.inspection import receptive_field
from autoencoder.inspection import steps as steps_lib
from autoencoder.inspection import windows as windows_lib

SIDE = 32
WHOLE = windows_lib.Box(0, SIDE, 0, SIDE)


@pytest.fixture(scope='module')
def windows():
  images = np.random.default_rng(0).random((2, SIDE, SIDE, 3), np.float32)
  return [
    windows_lib.Window(f'{i}', (0, 0), image, 1, WHOLE, WHOLE)
    for i, image in enumerate(images)
  ]


@pytest.fixture(scope='module')
def survey(make_model, windows):
  return activations.survey(make_model('stem 1'), windows)


@pytest.mark.parametrize('closed', [False, True])
def test_a_rarely_active_layer_is_measured(make_model, survey, windows, closed):
  model = nnx.clone(make_model('stem 1'))
  images = np.stack([window.inputs for window in windows])
  steps = steps_lib.encoder_steps(model)
  layer = steps_lib.find_layers(steps)[0]
  assert layer.kind == 'relu'
  _, first = survey.layers[layer.name]
  # The bias leaves each channel active in one window only, or in none.
  bias = steps[layer.end - 2].layer.bias
  bias[...] -= first.values[:, 0 if closed else 1] + (1.0 if closed else 0.0)
  usage, strongest = activations.survey(model, windows).layers[layer.name]
  assert usage.active.max() < 0.02
  field = receptive_field.compute(steps[: layer.end])
  place = (SIDE // field.stride // 2,) * 2
  plain = receptive_field.gradient_energy(
    steps[: layer.end], images, jax.random.key(0), place
  )
  assert not plain.any()  # There is no gradient in the middle.
  measured, energy = fields.measure_layer(model, layer, strongest, windows)
  assert energy.shape == (field.size, field.size)
  if closed:
    assert measured is None and not energy.any()
  else:
    assert measured.first == (0, 0)
    assert measured.last == (field.size - 1,) * 2
    assert 1 <= measured.effective <= field.size
