"""Colours of classes equal the rules and tables that define them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder.image import palettes


def test_voc_colors_are_those_of_its_development_kit():
  # From the kit's documentation: every label's colour in words of its table.
  known = {
    0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0),
    4: (0, 0, 128), 5: (128, 0, 128), 6: (0, 128, 128), 7: (128, 128, 128),
    8: (64, 0, 0), 12: (64, 0, 128), 15: (192, 128, 128), 19: (128, 192, 0),
    20: (0, 64, 128), 255: (224, 224, 192),
  }  # fmt: skip
  table = palettes.PALETTES['voc'].table()
  for label, color in known.items():
    assert tuple(table[label].tolist()) == color, label
  assert len(np.unique(palettes.bit_colors(256), axis=0)) == 256


@pytest.mark.parametrize(
  'name, classes', [('scenes', 11), ('camvid', 11), ('voc', 21), ('pet', 3)]
)
def test_every_class_has_a_name_and_a_color_of_its_own(name, classes):
  palette = palettes.find(name)
  assert palette.classes == len(palette.colors) == classes
  assert len(set(palette.names)) == classes
  assert len({*palette.colors, palette.void}) == classes + 1


def test_labels_become_colors_on_the_device_and_on_the_host():
  palette = palettes.Palette(('a', 'b'), ((1, 2, 3), (4, 5, 6)), (7, 8, 9))
  labels = np.array([[0, 1, 255], [2, 1, 0]], np.int32)
  a, b, void = [1, 2, 3], [4, 5, 6], [7, 8, 9]
  expected = np.array([[a, b, void], [void, b, a]], np.uint8)
  host = palettes.colorize(labels, palette)
  assert isinstance(host, np.ndarray) and host.dtype == np.uint8
  np.testing.assert_array_equal(host, expected)
  device = jax.jit(lambda x: palettes.colorize(x, palette))(jnp.array(labels))
  assert isinstance(device, jax.Array) and device.dtype == jnp.uint8
  np.testing.assert_array_equal(device, expected)


def test_classes_are_spelt_out():
  assert palettes.find('3').names == ('class 0', 'class 1', 'class 2')
  assert palettes.find('00012').classes == 12
  assert palettes.find('sky, road').colors == ((0, 0, 0), (128, 0, 0))
  palette = palettes.find('sky=#808080,road,void=#0a0b0C')
  assert palette == palettes.Palette(
    ('sky', 'road'), ((128, 128, 128), (128, 0, 0)), (10, 11, 12)
  )
  # Nobody gave void a colour: it is none of the classes'.
  for text in ('other=#000000,thing=#ffffff', 'a=#ffffff,b=#e0e0c0', 'a,b'):
    palette = palettes.find(text)
    assert palette.void not in palette.colors and not palette.void_stated
  # A colour that one class is given is not another's by default.
  other, thing = palettes.find('other,thing=#000000').colors
  assert thing == (0, 0, 0) != other


@pytest.mark.parametrize(
  'text, words',
  [
    ('camvit', 'takes scenes, camvid, voc, pet, a number .* names'),
    ('', "got ''"),
    ('0', '1 to 255 classes'),
    ('9999999999', '1 to 255 classes'),
    ('9' * 5000, '1 to 255 classes'),
    ('\u00b2', 'takes scenes'),  # A superscript two.
    ('256', '1 to 255 classes'),
    ('a,,b', '1 to 255 classes'),
    ('a,b,a', 'a class twice'),
    ('a=red,b', "colours such as #804080; got 'red'"),
    ('a,void', "got ''"),
    ('a,b,void=#000000,void=#000001', 'void at most once'),
    ('a=#010101,b=#010101', 'two classes one colour'),
    ('a=#010101,b,void=#010101', 'two classes one colour'),
  ],
)
def test_other_classes_are_refused(text, words):
  with pytest.raises(ValueError, match=words) as caught:
    palettes.find(text)
  assert '\n' not in str(caught.value)
