"""The classical image codecs, which are baselines of the learned one."""

import numpy as np
from PIL import Image
import pytest
import skimage.data

from autoencoder.evaluation import image_codecs


@pytest.fixture(scope='module')
def image():
  coarse = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
  return np.asarray(Image.fromarray(coarse).resize((96, 72), Image.BICUBIC))


@pytest.mark.parametrize('name', image_codecs.CODECS)
def test_settings_are_in_order_of_size_and_quality(name, image):
  codec = image_codecs.CODECS[name]
  assert list(codec.tried) == [s for s in codec.settings if s in codec.tried]
  few = [codec.tried[i] for i in (0, len(codec.tried) // 2, -1)]
  sizes, errors = [], []
  for setting in few:
    data, decoded = codec.run(image, setting)
    assert decoded.shape == image.shape and decoded.dtype == np.uint8
    sizes.append(len(data))
    errors.append(np.square(decoded.astype(float) - image).mean())
  assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
  assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize('name', image_codecs.CODECS)
def test_setting_for_returns_the_smallest_file_that_is_large_enough(
  name, image
):
  codec = image_codecs.CODECS[name]
  setting = codec.setting_for(image, 1500)
  index = codec.settings.index(setting)
  assert len(codec.run(image, setting)[0]) >= 1500
  assert len(codec.run(image, codec.settings[index - 1])[0]) < 1500
  assert codec.setting_for(image, 10**7) == codec.settings[-1]


def test_files_have_the_right_formats(image):
  starts = {
    name: codec.run(image, codec.tried[5])[0][:12]
    for name, codec in image_codecs.CODECS.items()
  }
  assert starts['JPEG'].startswith(b'\xff\xd8')
  assert b'jP  ' in starts['JPEG 2000']
  assert starts['WebP'].endswith(b'WEBP')


def test_newer_codecs_beat_jpeg_at_equal_size():
  photo = skimage.data.astronaut()[:256, 128:384]
  errors = {}
  size = len(image_codecs.CODECS['JPEG'].run(photo, 30)[0])
  for name, codec in image_codecs.CODECS.items():
    _, decoded = codec.run(photo, codec.setting_for(photo, size))
    errors[name] = np.square(decoded.astype(float) - photo).mean()
  assert errors['JPEG'] > 1.1 * max(errors['JPEG 2000'], errors['WebP'])
