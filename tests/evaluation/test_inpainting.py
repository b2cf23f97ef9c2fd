"""Classical inpainting against scikit-image and OpenCV called directly."""

import dataclasses
import sys

import numpy as np
import pytest
from skimage import data
from skimage import restoration

from autoencoder.evaluation import evaluate
from autoencoder.evaluation import inpainting
from autoencoder.evaluation import table
from autoencoder.tasks import task as tasks

METHODS = [
  inpainting.mean_of_known,
  inpainting.biharmonic,
  inpainting.telea,
  inpainting.navier_stokes,
]


def available(method):
  if method in METHODS[2:]:
    pytest.importorskip('cv2')
  return method


def holed_photo(channels=3, size=48):
  image = data.astronaut()[40 : 40 + size, 180 : 180 + size, :channels]
  image = (image / 255).astype(np.float32)
  holes = np.random.default_rng(0).random((size, size, 1)) < 0.5
  return image, holes.astype(np.float32)


def test_the_mean_uses_known_pixels_only():
  image = np.float32([[[0.2], [0.4], [0.9]]])
  mask = np.float32([[[0], [0], [1]]])
  filled = inpainting.mean_of_known(image, mask)
  np.testing.assert_allclose(filled, [[[0.2], [0.4], [0.3]]], rtol=1e-6)


def test_biharmonic_solves_each_channel():
  image, mask = holed_photo()
  filled = inpainting.biharmonic(image, mask)
  for c in range(3):
    expected = restoration.inpaint_biharmonic(image[..., c], mask[..., 0] > 0)
    np.testing.assert_allclose(filled[..., c], expected, atol=1e-6)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('method, flag', [*zip(METHODS[2:], [1, 0])])
def test_opencv_with_radius_3(channels, method, flag):
  cv2 = pytest.importorskip('cv2')
  image, mask = holed_photo(channels)
  filled = method(image, mask)
  # OpenCV reads some pixels in the holes.
  levels = np.rint(image * (1 - mask) * 255).astype(np.uint8)
  expected = cv2.inpaint(levels, mask.astype(np.uint8), 3, flag)
  np.testing.assert_allclose(
    filled, expected.reshape(image.shape) / 255, atol=1e-6
  )


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('channels', [1, 3])
def test_known_pixels_stay_and_values_in_holes_do_not_matter(method, channels):
  image, mask = holed_photo(channels)
  image[mask[..., 0] == 0] *= 0.9  # Between the levels of 8 bits.
  filled = available(method)(image, mask)
  known = mask[..., 0] == 0
  assert filled.dtype == np.float32
  np.testing.assert_array_equal(filled[known], image[known])
  other = np.where(mask > 0, np.nan, image)
  with np.errstate(invalid='raise'):
    np.testing.assert_array_equal(method(other, mask), filled)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('shape', [(1, 1, 1), (1, 9, 3), (9, 2, 1)])
@pytest.mark.parametrize('holes', ['none', 'one', 'all'])
def test_any_size_and_any_number_of_holes(method, shape, holes):
  image = np.full(shape, 0.2, np.float32)
  mask = np.zeros((*shape[:2], 1))
  if holes == 'one':
    mask[-1, -1] = 1
  elif holes == 'all':
    mask[:] = 1
  filled = available(method)(image, mask)
  assert filled.shape == shape
  expected = 0.5 if mask.all() else 0.2
  # OpenCV's rounding is off by one level at some pixels.
  level = 1.01 / 255 if method in METHODS[2:] else 1e-6
  np.testing.assert_allclose(filled, expected, atol=level)


def test_wrong_shapes_are_refused():
  with pytest.raises(ValueError, match=r'got \[4, 4, 3\] and \[4, 4\]'):
    inpainting.biharmonic(np.zeros((4, 4, 3)), np.zeros((4, 4)))


def test_without_opencv_its_rows_are_left_out(
  task, config, predict, source, monkeypatch, capsys
):
  monkeypatch.setitem(sys.modules, 'cv2', None)
  baselines = {
    name: lambda example, config, method=method: method(
      example.inputs, example.weight
    )
    for name, method in {'mean': METHODS[0], 'Telea': METHODS[2]}.items()
  }
  assert isinstance(task, tasks.Task)
  task = dataclasses.replace(task, baselines=baselines)
  results = evaluate(predict, task, config, source)
  assert list(results.mean) == ['input', 'mean', 'model']
  assert 'Telea' not in results.pictures[0].panels
  assert 'Telea' not in table(results)
  out = capsys.readouterr().out
  assert out == (
    'Left out: Telea, the method needs OpenCV: '
    'pip install opencv-python-headless.\n'
  )
