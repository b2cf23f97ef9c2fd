"""Segmentation of picture files: labels and overlays."""

import dataclasses

import jax.numpy as jnp
import numpy as np
from PIL import Image
from PIL import ImageCms
import pytest

from autoencoder import inference
from autoencoder import photos
from autoencoder.config import Config
from autoencoder.config import DataConfig
from autoencoder.image import palettes
from autoencoder.tasks import task as task_lib

PALETTE = palettes.find('camvid')


def labels_of(outputs, inputs, config):
  return jnp.argmax(outputs, -1, keepdims=True)


TASK = task_lib.Task(
  make_example=None,
  loss=None,
  metrics=None,
  picture=None,
  finish=labels_of,
  palette=lambda config: PALETTE,
)


def photo(*shape, dtype=np.uint8):
  rng = np.random.default_rng(5)
  return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.fixture(scope='module')
def model(make_model):
  return make_model(3, PALETTE.classes)


@pytest.fixture(scope='module')
def label(model):
  return inference.make_photo_restorer(model, TASK, Config(), tile=64)


def test_tiles_give_the_labels_of_the_whole_image(model, label):
  pixels = photo(150, 201, 3)
  answer = label(pixels)
  assert answer.shape == (150, 201, 1) and answer.dtype == np.uint8
  logits = model(pixels[None].astype(np.float32) / 255)[0]
  # If two classes are almost equal, rounding may decide between them.
  best = np.sort(logits, axis=-1)
  sure = best[..., -1] - best[..., -2] > 1e-3
  assert sure.mean() > 0.9
  np.testing.assert_array_equal(
    answer[..., 0][sure], np.argmax(logits, -1)[sure]
  )


def test_a_grey_photo_is_three_equal_channels(label):
  grey = photo(40, 30, 1)
  np.testing.assert_array_equal(label(grey), label(grey.repeat(3, -1)))


def test_a_grey_model_sees_the_luma_of_colour(make_model):
  config = Config(data=DataConfig(channels=1))
  label = inference.make_photo_restorer(
    make_model(1, PALETTE.classes), TASK, config
  )
  pixels = photo(20, 30, 3)
  grey = np.asarray(Image.fromarray(pixels).convert('L'))[..., None]
  # Pillow rounds the luma, which changes a few pixels.
  assert (label(pixels) == label(grey)).mean() > 0.9
  assert (label(pixels) != label(pixels[..., :1])).mean() > 0.1


def test_logits_that_are_not_finite_are_an_error(model):
  task = dataclasses.replace(
    TASK, prepare=lambda image, config: image + jnp.nan
  )
  label = inference.make_photo_restorer(model, task, Config())
  with pytest.raises(ValueError, match='not finite'):
    label(photo(9, 9, 3))


def read(path):
  with Image.open(path) as image:
    image.load()
    return image


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def test_each_picture_gets_labels_and_an_overlay(label, tmp_path, capsys):
  source, output = tmp_path / 'in', tmp_path / 'out'
  (source / 'a').mkdir(parents=True)
  pixels = photo(20, 30, 3)
  alpha = np.maximum(photo(20, 30), 1)
  photos.write_image(
    source / 'a' / 'b.png',
    photos.Photo(pixels, alpha=alpha, icc_profile=SRGB),
  )
  deep = photo(10, 12, 1, dtype=np.uint16)
  photos.write_image(source / 'deep.tif', photos.Photo(deep))
  summary = inference.apply_files(label, source, output, palette=PALETTE)
  assert summary == (2, 0, 0)
  found = sorted(
    path.relative_to(output).as_posix()
    for path in output.rglob('*')
    if path.is_file()
  )
  assert found == [
    'labels/a/b.png', 'labels/deep.png', 'overlays/a/b.png', 'overlays/deep.png'
  ]  # fmt: skip
  assert (
    f'{output / "labels/a/b.png"} and {output / "overlays/a/b.png"}, '
    in capsys.readouterr().out
  )
  image = read(output / 'labels' / 'a' / 'b.png')
  expected = label(pixels)[..., 0]
  assert image.mode == 'P'
  np.testing.assert_array_equal(image, expected)
  colors = palettes.colorize(expected, PALETTE)
  np.testing.assert_array_equal(image.convert('RGB'), colors)
  covered = photos.read_image(output / 'overlays' / 'a' / 'b.png')
  half = (pixels.astype(int) + colors) // 2
  np.testing.assert_array_equal(covered.pixels, half)
  np.testing.assert_array_equal(covered.alpha, alpha)
  assert covered.icc_profile == SRGB
  grey = photos.read_image(output / 'overlays' / 'deep.png').pixels
  colors = palettes.colorize(label(deep)[..., 0], PALETTE)
  eight_bits = np.rint(deep / 257).astype(int)  # 65535 becomes 255.
  np.testing.assert_array_equal(grey, (eight_bits + colors) // 2)


def test_an_input_among_the_overlays_is_not_replaced(label, tmp_path, capsys):
  path = tmp_path / 'overlays' / 'b.png'
  path.parent.mkdir()
  photos.write_image(path, photos.Photo(photo(8, 8, 3)))
  before = path.read_bytes()
  summary = inference.apply_files(
    label, path, tmp_path, palette=PALETTE, overwrite=True
  )
  assert summary == (0, 0, 1)
  assert path.read_bytes() == before
  assert 'is an input file, which is never' in capsys.readouterr().err
