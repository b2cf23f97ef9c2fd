"""Positions on the page and in the JSON file against those in the image."""

import types

import numpy as np
import pytest

from autoencoder.inspection import activations
from autoencoder.inspection import features
from autoencoder.inspection import inside as inside_lib
from autoencoder.inspection import latent as latent_lib
from autoencoder.inspection import numbers
from autoencoder.inspection import receptive_field
from autoencoder.inspection import views
from autoencoder.inspection import walks
from autoencoder.inspection import windows as windows_lib
from autoencoder.tasks import task as task_lib

CONFIG = types.SimpleNamespace(
  evaluation=types.SimpleNamespace(max_images=0, center_crop=0)
)


class Source(list):
  name = 'one'


def cut(image, scale):
  """Returns the windows of an image, 32 pixels each, by their origins."""

  def make_example(key, item, config):
    return task_lib.Example(item['image'][::scale, ::scale], item['image'])

  task = types.SimpleNamespace(make_example=make_example)
  source = Source([{'image': image, 'name': 'a.png'}])
  cut = windows_lib.cut(task, CONFIG, source, count=64, side=32)
  return {window.origin: window for window in cut}


def locate(window, box):
  """Returns the line on the page, and rows and columns in the JSON file."""
  crop = window.inputs[box[0] : box[1], box[2] : box[3]]
  feature = features.Feature(1.5, window, windows_lib.Box(*box), crop, crop)
  one = np.ones(1)
  layer = views.LayerView(
    'a', 'relu', receptive_field.Field(0, 5, 1), None, np.zeros((5, 5)),
    activations.Usage(one, one, one), None,
    {0: features.Channel(feature, [feature])},
  )  # fmt: skip
  inside = inside_lib.Inside(
    [layer], latent_lib.describe(np.eye(2)[:, :1]),
    walks.Walks({}, {}, one, 0.0, '', []), [window], 1, 1, frozenset(),
  )  # fmt: skip
  (strongest,) = inside.numbers()['layers'][0]['strongest'][0]
  return (
    numbers.locate(feature),
    [*strongest['rows'], *strongest['columns']],
    crop,
  )


@pytest.mark.parametrize(
  'scale, rows, columns', [(1, (11, 18), (28, 41)), (2, (14, 28), (30, 56))]
)
def test_positions_are_those_of_the_crops(scale, rows, columns):
  image = np.random.default_rng(0).integers(0, 256, (40, 72, 3), np.uint8)
  windows = cut(image, scale)
  # Windows are at most half a window apart, along each axis.
  assert {y for y, _ in windows} == {0, 8}
  assert {x for _, x in windows} == {0, 13, 26, 40}
  line, numbers, crop = locate(windows[8, 26], (3, 10, 2, 15))
  assert numbers == [*rows, *columns]
  assert line == (
    f'a.png: 1.5, rows {rows[0]} to {rows[1] - 1}, '
    f'columns {columns[0]} to {columns[1] - 1}'
  )
  there = image[slice(*rows, scale), slice(*columns, scale)]
  np.testing.assert_allclose(crop, there / 255, atol=1e-6)


def test_positions_end_with_the_image():
  """An image of 20 rows is extended to fill a window of 32."""
  image = np.zeros((20, 72, 3), np.uint8)
  windows = cut(image, 1)
  assert {y for y, _ in windows} == {0}
  line, numbers, _ = locate(windows[0, 40], (16, 24, 25, 32))
  assert numbers == [16, 20, 65, 72]
  assert line == 'a.png: 1.5, rows 16 to 19, columns 65 to 71'
