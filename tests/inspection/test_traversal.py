"""Walks begin and end at the plain outputs, and hold what they should."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.inspection import traversal


@pytest.fixture(scope='module')
def images():
  return jax.random.uniform(jax.random.key(0), (2, 1, 15, 17, 3))


def answers(model, images, how):
  """Returns the plain outputs for both images, and those along the way."""

  @jax.jit
  def run(model, images):
    a, b = (traversal.encode(model, image) for image in images)
    way = traversal.decode(model, how(a, b, jnp.linspace(0.0, 1.0, 5)))
    return [traversal.decode(model, one)[0] for one in (a, b)], way

  return run(model, images)


@pytest.mark.parametrize('name', ['stem 1', 'unpool', 'gdn'])
def test_both_ends_are_the_plain_outputs(make_model, images, name):
  model = make_model(name)
  (first, last), way = answers(model, images, traversal.interpolate)
  np.testing.assert_allclose(way[0], first, atol=2e-5)
  np.testing.assert_allclose(way[-1], last, atol=2e-5)
  assert np.abs(way[2] - first).max() > 0.01
  if name != 'gdn':  # A codec rounds its latent.
    plain = jax.jit(lambda model, x: model(x))(model, images[0])[0]
    np.testing.assert_allclose(first, plain, atol=2e-5)


def test_interpolate_latent_holds_the_rest(make_model, images):
  model = make_model('stem 1')
  (first, last), way = answers(model, images, traversal.interpolate_latent)
  np.testing.assert_allclose(way[0], first, atol=2e-5)
  assert np.abs(way[-1] - last).max() > 0.1

  @jax.jit
  def mixed(model, images):
    a, b = (model.encode(image) for image in images)
    return model.answer(a._replace(latent=b.latent), images[0])[0]

  np.testing.assert_allclose(way[-1], mixed(model, images), atol=2e-5)


def test_side_inputs_in_words(make_model):
  held = {
    name: ' '.join(traversal.describe_held(make_model(name)))
    for name in ('stem 1', 'unpool', 'gdn')
  }
  assert 'skip' in held['stem 1'] and 'added' in held['stem 1']
  assert 'maxima' in held['unpool'] and 'skip' not in held['unpool']
  assert held['gdn'] == ''


def test_a_sweep_changes_one_channel_everywhere(make_model, images):
  model = make_model('gdn')
  code = traversal.encode(model, images[0])
  swept = traversal.sweep(code, jnp.array(3), jnp.array([-1.0, 0.0, 2.0]))
  moved = np.asarray(swept.encoded.latent - code.encoded.latent)
  assert not moved[..., [0, 1, 2, 4, 5, 6, 7, 8, 9]].any()
  for change, offset in zip(moved[..., 3], (-1.0, 0.0, 2.0)):
    np.testing.assert_allclose(change, offset, atol=1e-5)
