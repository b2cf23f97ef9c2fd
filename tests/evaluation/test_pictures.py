"""Error maps, grids and the overview, pixel for pixel."""

import numpy as np
import pytest

from autoencoder import evaluation
from autoencoder.evaluation import formats
from autoencoder.evaluation import pictures
from autoencoder.evaluation import pixels


def test_error_maps_are_amplified_absolute_errors():
  target = np.full((2, 2, 3), 100, np.uint8)
  output = target.copy()
  output[0, 0] = [103, 97, 100]  # Mean 2, of 255; 8 times as much is 16.
  output[0, 1] = 255
  colors = pixels.color_scale()
  shown = pictures.error_map(output, target, 8)
  np.testing.assert_array_equal(shown[0, 0], colors[16])
  np.testing.assert_array_equal(shown[0, 1], colors[255])
  np.testing.assert_array_equal(shown[1], colors[[0, 0]])


@pytest.mark.parametrize(
  'error, amplify', [(0, 64), (3, 64), (4, 32), (20, 8), (140, 1), (255, 1)]
)
def test_the_amplification_fills_the_scale(error, amplify, results):
  target = np.zeros((10, 10, 3), np.uint8)
  picture = results.pictures[0]
  picture.panels.update(output=target + np.uint8(error), target=target)
  assert pictures.amplification([picture]) == amplify


def test_the_detail_is_where_the_edges_are():
  target = np.full((60, 80, 3), 90, np.uint8)
  target[30:40:2, 50:64] = 255
  top, left = pictures.detail(target, 20, 20)
  assert top <= 30 and top + 20 >= 39 and left <= 50 and left + 20 >= 64
  assert pictures.detail(target, 200, 300) == (0, 0)
  assert pictures.detail(target[:1, :1], 64, 64) == (0, 0)


@pytest.mark.parametrize('width', [30, 500])
def test_a_grid_holds_every_panel_pixel_for_pixel(results, width):
  picture, entry = results.pictures[0], results.images[0]
  colors = {
    title: np.array([7 * i + 1, 50 + i, 200 - i], np.uint8)
    for i, title in enumerate(picture.panels)
  }
  for title, color in colors.items():
    picture.panels[title] = np.broadcast_to(color, (20, width, 3))
  sheet = pictures.grid(picture, entry, 8)
  scale = max(1, 256 // width)  # Small images have large pixels.
  for color in colors.values():
    assert np.sum((sheet == color).all(axis=-1)) == 20 * width * scale**2


def test_the_overview_shows_the_best_baseline_in_large_pixels(
  task, config, predict, make_source, tmp_path
):
  # The input is better than both baselines here, yet is not one of them.
  image = np.full((4, 4, 3), 128, np.uint8)
  results = evaluation.evaluate(
    predict, task, config, make_source({'tiny': image}), progress=False
  )
  for i, title in enumerate(results.pictures[0].panels):
    results.pictures[0].panels[title] = np.full((4, 4, 3), 11 * i, np.uint8)
  sheet = pictures.overview(results)
  counts = [np.sum((sheet == 11 * i).all(axis=-1)) for i in range(5)]
  assert results.best_baseline() == 'blur'
  assert counts[1] == counts[3] == 160 * 160
  assert counts[2] == 0


def test_captions_name_a_psnr_where_there_are_several():
  assert formats.caption({'psnr': 31.2, 'ssim': 0.893}) == (
    '31.20 dB, ssim 0.8930'
  )
  assert formats.caption({'psnr_y': 33.0, 'psnr': 31.2}) == (
    'psnr_y 33.00 dB, psnr 31.20 dB'
  )
