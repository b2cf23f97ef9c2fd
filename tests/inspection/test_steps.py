"""The steps of an encoder compute its latent; other parts are refused."""

from flax import nnx
import jax
import numpy as np
import pytest

from autoencoder import layers
from autoencoder import models
from autoencoder.inspection import steps as steps_lib
from autoencoder.inspection import traversal


def test_the_last_step_gives_the_latent(model):
  x = jax.random.uniform(jax.random.key(0), (2, 16, 32, 3))
  assert 16 % model.stride == 0

  @jax.jit
  def both(model, x):
    *_, (latent, _) = steps_lib.trace(steps_lib.encoder_steps(model), x)
    return latent, traversal.encode(model, x).encoded.latent

  np.testing.assert_allclose(*both(model, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
  'name, expected',
  [
    ('stem 1', ['block0_0.relu', 'block1_0.relu', 'latent']),
    ('kernel 3', ['down0', 'down1', 'down2', 'latent']),
    ('unpool, no blocks', ['down0', 'down1', 'down2', 'latent']),
    ('gdn', ['gdn0', 'gdn1', 'latent']),
    ('relu', ['relu0', 'relu1', 'latent']),
  ],
)
def test_the_layers_to_inspect(make_model, name, expected):
  steps = steps_lib.encoder_steps(make_model(name))
  found = steps_lib.find_layers(steps)
  assert [layer.name for layer in found] == expected
  assert all(steps[layer.end - 1].name == layer.name for layer in found)


def test_a_model_without_an_encoder_is_refused():
  with pytest.raises(
    ValueError, match='A Decoder cannot be inspected: it lacks'
  ):
    steps_lib.encoder_steps(models.Decoder(3, (4,), 0, 4, rngs=nnx.Rngs(0)))


@pytest.mark.parametrize(
  'part',
  [
    layers.ResizeConv(3, 3, (3, 3), strides=(2, 2), rngs=nnx.Rngs(0)),
    layers.Conv(3, 3, (3, 1), rngs=nnx.Rngs(0)),
    layers.Conv(3, 3, (3, 3), padding='CIRCULAR', rngs=nnx.Rngs(0)),
    nnx.tanh,
  ],
  ids=['upsampling', 'not square', 'circular', 'tanh'],
)
def test_parts_of_another_kind_are_refused(part):
  with pytest.raises(ValueError, match='first is a .* cannot be inspected'):
    steps_lib.chain({'first': part})
