"""Mosaics, enlargement and conversion of pictures."""

import base64
import io

import numpy as np
from PIL import Image
import pytest

from autoencoder.evaluation import pixels


def test_a_mosaic_has_gaps_a_border_and_an_incomplete_row():
  tiles = [np.full((2, 3, 3), i, np.uint8) for i in range(3)]
  sheet = pixels.mosaic(tiles, 2, gap=1, border=2)
  assert sheet.shape == (2 * 2 + 1 + 4, 2 * 3 + 1 + 4, 3)
  np.testing.assert_array_equal(sheet[2:4, 2:5], tiles[0])
  np.testing.assert_array_equal(sheet[2:4, 6:9], tiles[1])
  np.testing.assert_array_equal(sheet[5:7, 2:5], tiles[2])
  assert np.sum(sheet != 255) == 3 * 18


def test_signed_values_are_around_mid_grey():
  values = np.array([[-2.0, 0.0, 1.0]])[..., None]
  assert pixels.signed(values)[0, :, 0].tolist() == [0, 128, 191]
  assert pixels.signed(values, 1.0)[0, :, 0].tolist() == [0, 128, 255]
  assert (pixels.signed(0 * values) == 128).all()


@pytest.mark.parametrize('size, side', [(6, 2), (5, 3), (4, 9)])
def test_the_middle_is_central(size, side):
  rows, columns = pixels.middle((size, 1), side)
  kept = np.arange(size)[rows]
  assert len(kept) == min(size, side)
  assert kept.sum() // len(kept) == (size - 1) // 2
  assert columns == slice(0, side)


def test_lossless_pictures_are_bit_identical():
  picture = np.random.default_rng(0).integers(0, 256, (9, 8, 3), np.uint8)
  for options, same in ((pixels.LOSSLESS, True), (pixels.LOSSY, False)):
    head, data = pixels.data_uri(picture, **options).split(',')
    assert head == 'data:image/webp;base64'
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert (decoded == picture).all() == same
