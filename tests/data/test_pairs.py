"""Folders with labels: layouts, kinds of files, and mistakes."""

import numpy as np
from PIL import Image
import pytest

from autoencoder import data
from autoencoder.data import pairs
from autoencoder.image import palettes

FORM = data.LabelFormat(palettes.find('sky=#808080,road=#804080,car=#400080'))
LABEL = np.array([[0, 1, 2, 255], [2, 2, 1, 0]], np.uint8)


def save(path, pixels, **kwargs):
  path.parent.mkdir(parents=True, exist_ok=True)
  image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
  image.save(path, **kwargs)


def photo(i=0, size=(2, 4)):
  return np.full((*size, 3), i, np.uint8)


def open_pairs(path, split='train', form=FORM):
  return data.open_source(f'folder:{path}', split, channels=3, labels=form)


def labels(source):
  return {item['name']: item['label'].tolist() for item in source}


def test_camvid_layout(tmp_path):
  for i, split in enumerate(('train', 'val', 'test')):
    for name in ('b', 'sub/a'):
      save(tmp_path / split / f'{name}.png', photo())
      save(tmp_path / f'{split}annot' / f'{name}.png', np.full((2, 4), i, 'u1'))
  for folder, split, expected in (
    ('.', 'train', 0), ('.', 'test', 2), ('val', 'test', 1),
    ('val/', 'train', 1),
  ):  # fmt: skip
    source = open_pairs(tmp_path / folder, split)
    label = [[expected] * 4] * 2
    assert labels(source) == {'b.png': label, 'sub/a.png': label}
  # Without classes there are no labels, and the images are the same.
  plain = open_pairs(tmp_path, form=None)[0]
  assert plain.keys() == {'image', 'name'} and plain['name'] == 'b.png'


@pytest.mark.parametrize('split', ['', 'test'])
def test_images_and_masks(tmp_path, split):
  root = tmp_path / split
  save(root / 'images/a.jpg', photo(9))
  save(root / 'masks/a.png', LABEL)
  save(root / 'masks/.hidden.png', LABEL)
  (item,) = open_pairs(tmp_path, 'test')
  assert item['name'] == 'a.jpg' and item['image'].shape == (2, 4, 3)
  assert item['label'].dtype == np.int32
  np.testing.assert_array_equal(item['label'], LABEL)


def with_palette(colors):
  image = Image.fromarray(LABEL, 'P')
  image.putpalette(colors)
  return image


@pytest.mark.parametrize(
  'pixels, suffix',
  [
    (LABEL, 'png'),
    (LABEL, 'bmp'),
    (LABEL, 'tif'),
    (LABEL.astype(np.uint16), 'png'),
    (with_palette([9, 9, 9] * 256), 'png'),
    (palettes.colorize(LABEL, FORM.palette), 'png'),
    (Image.fromarray(palettes.colorize(LABEL, FORM.palette)).convert('RGBA'),
     'png'),
  ],
)  # fmt: skip
def test_every_kind_of_label_file_means_the_same(tmp_path, pixels, suffix):
  save(tmp_path / 'images/a.png', photo())
  save(tmp_path / f'masks/a.{suffix}', pixels)
  np.testing.assert_array_equal(open_pairs(tmp_path)[0]['label'], LABEL)


def test_black_and_white_labels_are_two_classes(tmp_path):
  save(tmp_path / 'images/a.png', photo())
  save(tmp_path / 'masks/a.png', Image.fromarray(LABEL == 1))
  source = open_pairs(tmp_path, form=data.LabelFormat(palettes.find('2')))
  np.testing.assert_array_equal(source[0]['label'], LABEL == 1)


@pytest.mark.parametrize('suffix', ['PNG', 'Png'])
def test_suffixes_in_capitals(tmp_path, suffix):
  save(tmp_path / 'images/a.JPG', photo())
  save(tmp_path / f'masks/a.{suffix}', LABEL)
  np.testing.assert_array_equal(open_pairs(tmp_path)[0]['label'], LABEL)


def test_ignored_value_becomes_255(tmp_path):
  save(tmp_path / 'images/a.png', photo())
  save(tmp_path / 'masks/a.png', LABEL)
  source = open_pairs(tmp_path, form=FORM._replace(ignore=1))
  np.testing.assert_array_equal(
    source[0]['label'], [[0, 255, 2, 255], [2, 2, 255, 0]]
  )


@pytest.mark.parametrize('turned', [False, True])
def test_labels_lie_as_the_upright_image(tmp_path, turned):
  exif = Image.Exif()
  exif[0x0112] = 6  # Turned by 90 degrees: 2 x 4 pixels are shown as 4 x 2.
  save(tmp_path / 'images/a.png', photo(), exif=exif)
  if turned:  # The label too: what is shown is LABEL.T.
    stored = np.ascontiguousarray(np.rot90(LABEL.T))
    save(tmp_path / 'masks/a.png', stored, exif=exif)
  else:
    save(tmp_path / 'masks/a.png', LABEL.T)
  np.testing.assert_array_equal(open_pairs(tmp_path)[0]['label'], LABEL.T)


@pytest.mark.parametrize(
  'mask, words',
  [
    (
      None,
      r'images/b.png has no label: there is no file .*masks/b with',
    ),
    (LABEL[:, :3], 'masks/b.png has 3 x 2 pixels; its image has 4 x 2'),
  ],
)
def test_pairs_are_checked_at_opening(tmp_path, mask, words):
  for name in 'ab':
    save(tmp_path / f'images/{name}.png', photo())
  save(tmp_path / 'masks/a.png', LABEL)
  if mask is not None:
    save(tmp_path / 'masks/b.png', mask)
  with pytest.raises(ValueError, match=words):
    open_pairs(tmp_path)


@pytest.mark.parametrize(
  'name, words',
  [
    ('b.png', 'masks/b.png has no image: .* this name in .*images'),
    ('sub/a.png', 'sub/a.png has no image'),
    ('a.bmp', 'images/a.png has two labels, .*a.bmp and .*a.png'),
  ],
)
def test_a_label_more_is_named(tmp_path, name, words):
  save(tmp_path / 'images/a.png', photo())
  save(tmp_path / 'masks/a.png', LABEL)
  save(tmp_path / 'masks' / name, LABEL)
  with pytest.raises(ValueError, match=words):
    open_pairs(tmp_path)


def test_splits_within_images_and_masks(tmp_path):
  for split, label in (('train', 1), ('test', 2)):
    save(tmp_path / f'images/{split}/a.png', photo())
    save(tmp_path / f'masks/{split}/a.png', np.full((2, 4), label, np.uint8))
  for split, label in (('train', 1), ('test', 2)):
    assert labels(open_pairs(tmp_path, split)) == {'a.png': [[label] * 4] * 2}


@pytest.mark.parametrize('others', [('train',), ('train', 'val')])
def test_a_split_that_images_lack_is_not_the_other(tmp_path, others):
  for split in others:
    save(tmp_path / f'images/{split}/a.png', photo())
    save(tmp_path / f'masks/{split}/a.png', LABEL)
  assert labels(open_pairs(tmp_path)).keys() == {'a.png'}
  held_out = f'images/{"val" if "val" in others else "SUBFOLDER"} '
  words = f"images has no 'test' subfolder, only .*test_source=.*{held_out}"
  with pytest.raises(ValueError, match=words):
    open_pairs(tmp_path, 'test')
  for folder in others:
    source = open_pairs(tmp_path / 'images' / folder, 'test')
    assert labels(source) == {'a.png': LABEL.tolist()}


def test_hidden_folders_of_labels_are_ignored(tmp_path):
  save(tmp_path / 'images/a.png', photo())
  save(tmp_path / 'masks/a.png', LABEL)
  save(tmp_path / 'masks/.ipynb_checkpoints/a-checkpoint.png', LABEL)
  assert labels(open_pairs(tmp_path)) == {'a.png': LABEL.tolist()}


def test_linked_folders_are_checked_as_others(tmp_path):
  save(tmp_path / 'images/linked/a.png', photo())
  for name in ('a', 'more'):
    save(tmp_path / f'elsewhere/{name}.png', LABEL)
  (tmp_path / 'masks').mkdir()
  (tmp_path / 'masks/linked').symlink_to(tmp_path / 'elsewhere')
  with pytest.raises(ValueError, match='linked/more.png has no image'):
    open_pairs(tmp_path)
  (tmp_path / 'elsewhere/more.png').unlink()
  assert labels(open_pairs(tmp_path)) == {'linked/a.png': LABEL.tolist()}


def test_two_images_of_one_name_are_told_apart(tmp_path):
  save(tmp_path / 'images/a.png', photo())
  save(tmp_path / 'images/a.bmp', photo())
  save(tmp_path / 'masks/a.png', LABEL)
  with pytest.raises(ValueError, match='a.png would be the label of two'):
    open_pairs(tmp_path)


@pytest.mark.parametrize('suffix', ['gif', 'jpg'])
def test_formats_that_do_not_keep_labels_are_none(tmp_path, suffix):
  save(tmp_path / 'images/a.png', photo())
  save(tmp_path / f'masks/a.{suffix}', LABEL)
  with pytest.raises(ValueError, match='images/a.png has no label'):
    open_pairs(tmp_path)


impossible = pytest.mark.parametrize(
  'mask, words',
  [
    (np.full((2, 4), 3, 'u1'), 'a.tif: its label at row 0, column 0 is 3; lab.*'
     '0 to 2 .* and 255 for'),
    (np.full((2, 4), 300, np.uint16), 'is 300; labels are'),
    (np.full((2, 4, 3), 7, 'u1'), r'is \(7, 7, 7\), .* none of .* sky, road'),
    (Image.new('CMYK', (4, 2)), 'its mode is CMYK; labels are'),
  ],
)  # fmt: skip


@impossible
def test_impossible_labels_are_found_at_opening(tmp_path, mask, words):
  save(tmp_path / 'images/a.png', photo())
  save(tmp_path / 'masks/a.tif', mask)
  with pytest.raises(ValueError, match=words) as error:
    open_pairs(tmp_path)
  assert not isinstance(error.value, data.UnreadableImage)


@pytest.mark.parametrize('resident_mib', [64, 0])
@impossible
def test_impossible_labels_of_large_sets_end_the_run(
  tmp_path, mask, words, resident_mib, monkeypatch
):
  monkeypatch.setattr(pairs, 'CHECKED', 1)
  for name, pixels in (('0', LABEL), ('a', mask)):
    save(tmp_path / f'images/{name}.png', photo())
    save(tmp_path / f'masks/{name}.tif', pixels)
  source = open_pairs(tmp_path)
  with pytest.raises(ValueError, match=words) as error:
    batches = data.Batches(
      source, batch_size=2, crop=2, resident_mib=resident_mib
    )
    next(batches.iterate())
  assert not isinstance(error.value, data.UnreadableImage)


def test_damaged_label_is_skipped_as_a_damaged_image_is(tmp_path):
  save(tmp_path / 'images/a.png', photo())
  (tmp_path / 'masks').mkdir()
  (tmp_path / 'masks/a.png').write_bytes(b'broken')
  with pytest.raises(data.UnreadableImage, match='masks/a.png cannot be read'):
    open_pairs(tmp_path)[0]


def test_sources_without_labels_are_refused(tmp_path):
  save(tmp_path / 'a.png', photo())
  with pytest.raises(ValueError, match='annot; images in .*masks'):
    open_pairs(tmp_path)
  with pytest.raises(ValueError, match='sample_photos has no label'):
    data.open_source('sample_photos', 'test', channels=3, labels=FORM)
