"""Effects of channels against the formula for a linear decoder."""

import types

from flax import nnx
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.image import palettes
from autoencoder.inspection import latent as latent_lib
from autoencoder.inspection import walks
from autoencoder.models import encoder as encoder_lib

# The decoder: two channels to red, green and blue.
DECODER = np.array([[0.1, -0.2, 0.0], [0.0, 0.05, 0.03]], np.float32)


class Linear(nnx.Module):
  """A model whose latent is the first two channels of its input."""

  stride = 1
  side_inputs = ()

  def encode(self, x):
    return encoder_lib.Encoded(x[..., :2])

  def answer(self, encoded, x):
    return 0.5 + encoded.latent @ DECODER


def walk(palette=None):
  """Returns latent, its statistics, and walks between two images of noise."""
  rng = np.random.default_rng(0)
  start, end = rng.uniform(-1.0, 1.0, (2, 6, 5, 3)).astype(np.float32)

  def finish(answer, x, config):
    if palette is None:
      return answer
    return (answer[..., :1] > 0.52).astype(jnp.int32)

  task = types.SimpleNamespace(
    finish=finish, palette=palette and (lambda config: palette)
  )
  latent = latent_lib.Latent(
    mean=np.array([0.3, -0.4]),
    deviation=np.array([0.5, 0.25]),
    bits=np.zeros(2),
    dead=np.zeros(2, bool),
    step=np.ones(2),
  )
  found = walks.walk(Linear(), task, None, start, end, latent)
  return start[..., :2], latent, found


def test_effects_are_mean_changes_in_levels():
  code, latent, found = walk()
  assert found.unit == 'levels of 255'
  # Means over the colours: of 0.1, 0.2 and 0; of 0, 0.05 and 0.03.
  expected = [255 * 0.5 * 0.1, 255 * 0.25 * 0.08 / 3]
  np.testing.assert_allclose(found.effect, expected, rtol=1e-4)
  change = (code - latent.mean) @ DECODER
  assert found.whole == pytest.approx(255 * np.abs(change).mean(), rel=1e-4)
  # The mean is not 0.
  assert found.whole != pytest.approx(
    255 * np.abs(code @ DECODER).mean(), rel=0.05
  )
  # Sweeps are in order of their effects.
  assert list(found.sweeps) == [0, 1]
  for channel, pictures in found.sweeps.items():
    for picture, offset in zip(pictures, walks.OFFSETS):
      moved = code + offset * latent.deviation * (np.arange(2) == channel)
      expected = np.clip(0.5 + moved @ DECODER, 0, 1)
      np.testing.assert_allclose(picture, expected, atol=1e-5)


def test_with_classes_effects_are_percentages_of_pixels():
  code, latent, found = walk(palettes.find('2'))
  assert found.unit == '% of the pixels'

  def classes(code):
    return 0.5 + (code @ DECODER)[..., 0] > 0.52

  low, high = (
    classes(code + sign * latent.deviation * np.array([1, 0]))
    for sign in (-1, 1)
  )
  expected = 100 * (low != high).mean() / 2
  assert expected > 0
  np.testing.assert_allclose(found.effect, [expected, 0.0], rtol=1e-4)
  constant = classes(np.broadcast_to(latent.mean, code.shape))
  whole = 100 * (classes(code) != constant).mean()
  assert found.whole == pytest.approx(whole, rel=1e-4)
  assert (constant != classes(0 * code)).all()  # The mean is not 0.
