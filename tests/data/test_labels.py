"""Label files in all formats that store a class per pixel."""

import io
import struct
import zlib

import numpy as np
from PIL import Image
import pytest

from autoencoder import data
from autoencoder.data import labels
from autoencoder.image import palettes

MASK = np.array([[0, 255, 255, 0]], np.uint8)
WHITE_LAST = 'other=#000000,thing=#ffffff'
WHITE_FIRST = 'paper=#ffffff,ink=#000000'


def decode(image, classes, **kwargs):
  form = data.LabelFormat(palettes.find(classes), **kwargs)
  return labels.decode(image, form).tolist()


def indexed(indices, colors):
  image = Image.fromarray(np.array([indices], np.uint8), 'P')
  image.putpalette(sum(colors, ()))
  return image


def grey_png(bits, row):
  """Returns a PNG of one row with few bits, which Pillow cannot write."""

  def chunk(kind, body):
    crc = zlib.crc32(kind + body)
    return struct.pack('>I', len(body)) + kind + body + struct.pack('>I', crc)

  text = ''.join(f'{value:0{bits}b}' for value in row)
  text += '0' * (-len(text) % 8)
  header = struct.pack('>IIBBBBB', len(row), 1, bits, 0, 0, 0, 0)
  pixels = zlib.compress(b'\0' + int(text, 2).to_bytes(len(text) // 8, 'big'))
  return Image.open(io.BytesIO(
    b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', pixels)
    + chunk(b'IEND', b'')
  ))  # fmt: skip


@pytest.mark.parametrize('classes', [WHITE_LAST, WHITE_FIRST])
@pytest.mark.parametrize(
  'image',
  [
    Image.fromarray(MASK),
    Image.fromarray(MASK).convert('1'),
    Image.fromarray(MASK).convert('RGB'),
    Image.fromarray(MASK).convert('P'),
    indexed([1, 0, 0, 1], [(255,) * 3, (0,) * 3]),
    indexed([0, 1, 1, 0], [(0,) * 3, (255,) * 3]),
    indexed([0, 3, 3, 0], [(0,) * 3, (128, 0, 0), (0, 0, 255), (255,) * 3]),
    Image.fromarray(MASK.astype(np.uint16)),
    Image.fromarray(MASK.astype(np.uint16) * 257),
    grey_png(1, [0, 1, 1, 0]),
    grey_png(2, [0, 3, 3, 0]),
    grey_png(4, [0, 15, 15, 0]),
  ],
)
def test_black_and_white_where_white_is_a_class(image, classes):
  thing = int(classes == WHITE_LAST)
  assert decode(image, classes) == [[1 - thing, thing, thing, 1 - thing]]


@pytest.mark.parametrize('mode', ['L', 'P', 'I;16'])
def test_ignored_value_of_greys_that_are_colours(mode):
  values = np.array([[0, 128, 255]], np.uint16 if mode == 'I;16' else np.uint8)
  image = Image.fromarray(values)
  image = image.convert(mode)
  assert decode(image, WHITE_LAST, ignore=128) == [[0, 255, 1]]
  with pytest.raises(data.WrongLabel, match='column 1 is 128'):
    decode(image, WHITE_LAST)


def test_greys_that_are_the_colours_of_many_classes():
  colors = [f'c{i}=#{51 * i:02x}{51 * i:02x}{51 * i:02x}' for i in range(6)]
  image = Image.fromarray(np.array([[255, 0, 51, 204]], np.uint8))
  assert decode(image, ','.join(colors)) == [[5, 0, 1, 4]]


@pytest.mark.parametrize('bits, values', [(2, [0, 1, 2]), (4, [0, 1, 15])])
def test_few_bits_hold_the_numbers_that_were_written(bits, values):
  assert decode(grey_png(bits, values), 'voc') == [values]


CAMVID = palettes.find('camvid')


def test_palette_of_the_classes_in_another_order_is_read_by_colours():
  truth = np.array([[3, 3, 1, 0, 8, 255]], np.uint8)
  colored = Image.fromarray(palettes.colorize(truth, CAMVID))
  sorted_anew = colored.convert('P', palette=Image.Palette.ADAPTIVE)
  assert np.asarray(sorted_anew).tolist() != truth.tolist()
  assert decode(sorted_anew, 'camvid') == truth.tolist()
  # The only sign is void, the one class shown is where it should be.
  image = indexed([0, 1], [CAMVID.colors[0], CAMVID.void])
  assert decode(image, 'camvid') == [[0, 255]]


@pytest.mark.parametrize(
  'classes, colors',
  [
    ('camvid', [(i, i, i) for i in range(256)]),
    ('camvid', [(0, 0, 0)] * 256),
    ('voc', [(0, 0, 0)] * 256),
    ('camvid', [tuple(color) for color in palettes.bit_colors(256).tolist()]),
    ('2', [(0, 0, 0), (255, 255, 255)]),
    ('a=#000000,b=#ff0000', [(0, 0, 0), (255, 255, 255)]),
  ],
)
def test_other_palettes_are_for_show(classes, colors):
  assert decode(indexed([0, 1, 1], colors), classes) == [[0, 1, 1]]


def test_unknown_colour_says_how_void_is_named():
  image = Image.fromarray(np.full((1, 1, 3), 7, np.uint8))
  with pytest.raises(data.WrongLabel, match=r'\(7, 7, 7\), .*void=#rrggbb'):
    decode(image, 'sky,road')
