"""Tests TFDS sources on tiny data sets, without TensorFlow or network."""

import io
import json
import sys

import numpy as np
from PIL import Image
import pytest
import tensorflow_datasets as tfds

from autoencoder import data
from autoencoder.data import catalogue
from autoencoder.data import pairs
from autoencoder.image import palettes


def png(array):
  file = io.BytesIO()
  Image.fromarray(array).save(file, format='png')
  return file.getvalue()


def photo(i, size=(6, 9)):
  return np.random.default_rng(i).integers(0, 256, (*size, 3), dtype=np.uint8)


def mask(i, size=(6, 9)):
  return np.random.default_rng(~i & 99).integers(1, 4, size, dtype=np.uint8)


class TinyPet(tfds.core.GeneratorBasedBuilder):
  """Shaped like oxford_iiit_pet: photos, masks and a class label."""

  VERSION = tfds.core.Version('1.0.0')
  mask_size, mask_channels = (6, 9), 1

  def _info(self):
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict(
        {
          'file_name': tfds.features.Text(),
          'image': tfds.features.Image(shape=(None, None, 3)),
          'label': tfds.features.ClassLabel(num_classes=3),
          'segmentation_mask': tfds.features.Image(
            shape=(None, None, self.mask_channels)
          ),
        }
      ),
      disable_shuffling=True,
    )

  def _split_generators(self, dl_manager):
    return {
      'train': self._generate_examples(3),
      'validation': self._generate_examples(1),
    }

  def _generate_examples(self, count):
    for i in range(count):
      yield (
        i,
        {
          'file_name': f'pet{i}',
          'image': png(photo(i)),
          'label': i % 3,
          'segmentation_mask': png(mask(i, self.mask_size)),
        },
      )


class TinySuper(tfds.core.GeneratorBasedBuilder):
  """Shaped like div2k: two images, neither called 'image', no names."""

  VERSION = tfds.core.Version('1.0.0')

  def _info(self):
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict(
        {
          'depth': tfds.features.Image(shape=(None, None, 1), dtype=np.float32),
          'hr': tfds.features.Image(),
          'lr': tfds.features.Image(),
        }
      ),
    )

  def _split_generators(self, dl_manager):
    return {'train': self._generate_examples()}

  def _generate_examples(self):
    raise OSError('no route to host')
    yield


class TinyText(tfds.core.GeneratorBasedBuilder):
  """A data set without images; it must not be downloaded."""

  VERSION = tfds.core.Version('1.0.0')

  def _info(self):
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict({'text': tfds.features.Text()}),
    )

  def _split_generators(self, dl_manager):
    raise AssertionError('downloaded')

  def _generate_examples(self):
    raise AssertionError('downloaded')


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path))
  return tmp_path


def test_prepares_and_reads_photos_and_masks(data_dir):
  source = data.open_source('tiny_pet', 'train', channels=3)
  assert source.name == 'tiny_pet'
  assert len(source) == 3
  for i, item in enumerate(source):
    assert item['name'] == f'pet{i}'
    np.testing.assert_array_equal(item['image'], photo(i))
    assert item.keys() == {'image', 'name'}  # Nobody asked for labels.
  assert i == 2
  assert (data_dir / 'tiny_pet/1.0.0/dataset_info.json').is_file()
  assert data.open_source('tiny_pet', 'train', channels=1)[0][
    'image'
  ].shape == (6, 9, 1)
  assert 'tensorflow' not in sys.modules


def test_test_split_falls_back_to_validation(data_dir):
  source = data.open_source('tiny_pet', 'test', channels=3)
  assert len(source) == 1
  assert source.split == 'validation'


def test_withheld_labels_are_not_measured_on(data_dir, monkeypatch):
  monkeypatch.setitem(catalogue.LABELLED_SPLITS, 'tiny_pet', 'train')
  form = data.LabelFormat(palettes.find('4'))
  labelled = data.open_source('tiny_pet', 'test', channels=3, labels=form)
  assert labelled.split == 'train'
  assert data.open_source('tiny_pet', 'test', channels=3).split == 'validation'
  builder = tfds.builder('cityscapes')
  assert catalogue.LABELLED_SPLITS['cityscapes'] == 'validation'
  assert 'image_id' in builder.info.features  # What an error names.


def test_image_feature_is_found(data_dir):
  assert catalogue.find_image(tfds.builder('div2k')) == 'hr'
  assert catalogue.find_image(TinySuper(data_dir=data_dir)) == 'hr'
  assert catalogue.find_image(tfds.builder('cifar10')) == 'image'


def test_mocked_data_is_read():
  with tfds.testing.mock_data(num_examples=4):
    source = data.open_source('div2k/bicubic_x4', 'train', channels=3)
    assert len(source) == 4
    assert source.name == 'div2k_bicubic_x4'
    item = source[1]
    assert item['image'].dtype == np.uint8 and item['image'].shape[2] == 3
    assert item['name'] == 'train_000001'
    grey = data.open_source('mnist', 'test', channels=3)[0]['image']
    assert grey.shape == (28, 28, 3)
    np.testing.assert_array_equal(grey[..., 0], grey[..., 1])


def test_missing_split_is_explained(data_dir):
  builder = TinyPet(data_dir=data_dir)
  builder.download_and_prepare(file_format='array_record')
  builder.info.splits.pop('train')
  with pytest.raises(ValueError, match="no 'train' split; it has validation"):
    catalogue.TfdsSource(builder, 'train', name='x', channels=3)


def test_data_without_images_is_refused_before_download(data_dir):
  with pytest.raises(ValueError, match='no 8- or 16-bit image.* are text'):
    data.open_source('tiny_text', 'train', channels=3)


def test_tfrecord_data_is_refused(data_dir):
  data.open_source('tiny_pet', 'train', channels=3)
  path = data_dir / 'tiny_pet/1.0.0/dataset_info.json'
  info = json.loads(path.read_text())
  path.write_text(json.dumps(info | {'fileFormat': 'tfrecord'}))
  with pytest.raises(ValueError, match='as tfrecord.*TFDS_DATA_DIR'):
    data.open_source('tiny_pet', 'train', channels=3)


def test_damaged_data_is_reported(data_dir):
  data.open_source('tiny_pet', 'train', channels=3)
  for path in data_dir.glob('tiny_pet/1.0.0/*array_record*'):
    path.unlink()
  with pytest.raises(ValueError, match='is damaged.*delete this folder'):
    data.open_source('tiny_pet', 'train', channels=3)[0]


def test_failed_download_says_what_to_do(data_dir):
  with pytest.raises(ValueError, match='OSError: .*no route to host.*network'):
    data.open_source('tiny_super', 'train', channels=3)
  assert not (data_dir / 'tiny_super/1.0.0').exists()


def test_missing_tensorflow_is_named(data_dir, monkeypatch):
  # A NumPy array is what TFDS encodes through TensorFlow.
  monkeypatch.setitem(sys.modules, 'tensorflow', None)
  monkeypatch.setattr(
    sys.modules[__name__], 'png', lambda array: np.atleast_3d(array)
  )
  with pytest.raises(
    ValueError, match='needs the Python package tensorflow: install it'
  ):
    data.open_source('tiny_pet', 'train', channels=3)


def test_label_of_another_size_is_an_error(data_dir, monkeypatch):
  monkeypatch.setattr(TinyPet, 'mask_size', (5, 9))
  form = data.LabelFormat(palettes.find('4'))
  with pytest.raises(data.WrongLabel, match=r'pet0 .* is \(5, 9\), its image'):
    data.open_source('tiny_pet', 'train', channels=3, labels=form)


def test_wrong_names_are_explained(data_dir, tmp_path):
  for name, words in {
    'sample-photos': 'Did you mean sample_photos?',
    'cifar1': 'Did you mean cifar10',
    'div2k/bicubic_x': 'it has div2k/bicubic_x',
    'cifar10:9.9.9': 'it has cifar10',
    '': 'accepted are folder:PATH, sample_photos, scenes',
    str(tmp_path): 'write folder:',
  }.items():
    with pytest.raises(ValueError, match=words) as caught:
      data.open_source(name, 'train', channels=3)
    assert '\n' not in str(caught.value)


def test_labels_are_counted_from_zero_and_checked(data_dir, monkeypatch):
  monkeypatch.setitem(catalogue.FIRST_LABELS, 'tiny_pet', 1)
  form = data.LabelFormat(palettes.find('pet'))
  source = data.open_source('tiny_pet', 'train', channels=3, labels=form)
  for i, item in enumerate(source):
    np.testing.assert_array_equal(item['label'], mask(i) - 1)
  ignoring = form._replace(ignore=3)  # As it is stored.
  source = data.open_source('tiny_pet', 'train', channels=3, labels=ignoring)
  assert set(np.unique(source[0]['label'])) == {0, 1, 255}
  two = data.LabelFormat(palettes.find('2'))
  with pytest.raises(data.WrongLabel, match='pet0 of tiny_pet: its label at'):
    data.open_source('tiny_pet', 'train', channels=3, labels=two)
  monkeypatch.setattr(pairs, 'CHECKED', 0)
  source = data.open_source('tiny_pet', 'train', channels=3, labels=two)
  with pytest.raises(data.WrongLabel, match='pet0 of tiny_pet: its label at'):
    source.check_labels()


def test_masks_of_0_and_255_are_read_as_those_of_folders(data_dir, monkeypatch):
  monkeypatch.setattr(
    sys.modules[__name__], 'mask', lambda i, size: np.uint8(255 * np.eye(*size))
  )
  form = data.LabelFormat(palettes.find('other=#000000,thing=#ffffff'))
  source = data.open_source('tiny_pet', 'train', channels=3, labels=form)
  np.testing.assert_array_equal(source[0]['label'], np.eye(6, 9))


def test_the_class_is_read_where_labels_tell_objects_apart(
  data_dir, monkeypatch
):
  monkeypatch.setitem(catalogue.CLASS_CHANNELS, 'tiny_pet', 'R')
  classes = np.arange(54).reshape(6, 9).astype(np.uint8) % 4
  objects = np.stack([classes, photo(0)[..., 1], 0 * classes], axis=-1)
  monkeypatch.setattr(sys.modules[__name__], 'mask', lambda i, size: objects)
  monkeypatch.setattr(TinyPet, 'mask_channels', 3)
  form = data.LabelFormat(palettes.find('4'))
  source = data.open_source('tiny_pet', 'train', channels=3, labels=form)
  np.testing.assert_array_equal(source[0]['label'], classes)


def test_data_without_labels_is_refused_where_they_are_needed(data_dir):
  form = data.LabelFormat(palettes.find('2'))
  with (
    tfds.testing.mock_data(num_examples=1),
    pytest.raises(ValueError, match='mnist has no label for each pixel'),
  ):
    data.open_source('mnist', 'test', channels=3, labels=form)


def test_labelled_sets_of_the_catalogue_are_known():
  for name, image, label in (
    ('oxford_iiit_pet', 'image', 'segmentation_mask'),
    ('cityscapes', 'image_left', 'segmentation_label'),
    ('lost_and_found', 'image_left', 'segmentation_label'),
    ('scene_parse150', 'image', 'annotation'),
  ):  # fmt: skip
    builder = tfds.builder(name)
    assert catalogue.find_image(builder) == image
    assert label in catalogue.LABEL_FEATURES
    assert label in builder.info.features
  assert catalogue.FIRST_LABELS == {'oxford_iiit_pet': 1}
  assert catalogue.CLASS_CHANNELS == {'scene_parse150': 'R'}
