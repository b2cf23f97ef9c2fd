"""The page's table describes the network, and its picture can be drawn."""

import dataclasses
import importlib.util
import pathlib

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from autoencoder import models
from autoencoder.image import palettes
from experiments import segmentation as experiment

DOCS = pathlib.Path(__file__).parents[2] / 'docs'


@pytest.fixture(scope='module')
def script():
  spec = importlib.util.spec_from_file_location(
    'segmentation_figure', DOCS / 'segmentation.py'
  )
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def make(**changes):
  options = dataclasses.asdict(experiment.get_config().model)
  options |= {'in_channels': 3, 'out_channels': 11} | changes
  return models.Autoencoder(**options, rngs=nnx.Rngs(0))


def test_the_table_has_the_sizes_of_the_stages(script):
  def shapes(image):
    found = script.stages(make(), image)
    names.extend((stage.name, stage.layer) for stage in found)
    return [stage.features for stage in found]

  names = []
  features = jax.eval_shape(shapes, jnp.ones((1, 128, 128, 3)))
  found = [script.Stage(*name, values) for name, values in zip(names, features)]
  assert script.table(found) in (DOCS / 'segmentation.md').read_text()


def test_the_last_stage_is_the_output_and_all_stages_are_drawn(
  script, tmp_path
):
  model = make(widths=(4, 6), latent_channels=4)
  rng = np.random.default_rng(0)
  image = jnp.asarray(rng.random((1, 16, 16, 3)), jnp.float32)
  found = script.stages(model, image)
  np.testing.assert_allclose(found[-1].features, model(image), atol=1e-5)
  path = tmp_path / 'picture.png'
  script.draw(found, palettes.find('scenes'), path)
  with Image.open(path) as picture:
    assert picture.width > 400
  assert (DOCS / 'images' / 'segmentation.png').stat().st_size > 0


def test_principal_components_are_found(script):
  rng = np.random.default_rng(0)
  part = rng.normal(size=(5, 6, 1))
  picture = script.in_color(part * np.array([3.0, 4.0, 0.0]))
  assert picture.shape == (5, 6, 3)
  # All features lie on one line, whose extent is scaled to the range.
  line = (part[..., 0] - part.mean()) / np.abs(part - part.mean()).max()
  seen = 2 * picture[..., 0] - 1
  np.testing.assert_allclose(np.abs(seen), np.abs(line), atol=1e-6)
