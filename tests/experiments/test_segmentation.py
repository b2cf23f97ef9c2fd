"""Segmentation from its options to its report and one's own pictures."""

import dataclasses
import json
import pathlib

import numpy as np
from PIL import Image
import pytest

from autoencoder.cli import file_modes
from autoencoder.cli import modes
from autoencoder.cli import request as request_lib
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import workdir as workdir_lib

ROOT = pathlib.Path(__file__).parent.parent.parent
PATH = ROOT / 'experiments' / 'segmentation.py'


@pytest.fixture(scope='module')
def experiment():
  return experiment_lib.load(PATH)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """A data set in the layout of CamVid: bright is car, the left is void."""
  folder = tmp_path_factory.mktemp('streets')
  rng = np.random.default_rng(0)
  for split, count in (('train', 3), ('test', 2)):
    (folder / split).mkdir()
    (folder / f'{split}annot').mkdir()
    for i in range(count):
      coarse = Image.fromarray(rng.integers(0, 256, (5, 6), np.uint8))
      grey = np.asarray(coarse.resize((43, 30), Image.BICUBIC))
      label = np.where(grey > 128, 8, 3).astype(np.uint8)
      label[:, :4] = 11
      Image.fromarray(grey).convert('RGB').save(folder / split / f'{i}.png')
      Image.fromarray(label).save(folder / f'{split}annot' / f'{i}.png')
  return folder


@pytest.fixture(scope='module')
def run(experiment, folder, shrink, tmp_path_factory):
  """A tiny run of `:camvid` with its report, trained for two steps."""
  config = experiment.get_config('camvid')
  shrink(config, folder, {'train.evaluate_every': 1})
  workdir = tmp_path_factory.mktemp('run')
  request = request_lib.Request(
    workdir, config, experiment.TASK, str(PATH), 'camvid'
  )
  assert modes.train(request) == 0
  return dataclasses.replace(request, config=workdir_lib.load(workdir).config)


VARIANTS = ['', 'noskips', 'unpool', 'photos', 'camvid', 'smoke']


@pytest.mark.parametrize('variant', VARIANTS)
def test_every_variant_is_valid(experiment, variant):
  config = experiment.get_config(variant)
  config.validate()
  assert config.model.skips == (variant not in ('noskips', 'unpool'))


def test_numbers_come_from_one_confusion_matrix_of_the_set(run):
  (path,) = (run.workdir / modes.EVALUATION_FOLDER).glob('*.json')
  measured = json.loads(path.read_text())['mean']
  assert list(measured) == ['model']
  model = measured['model']
  assert list(model) == [
    'miou', 'class_accuracy', 'accuracy', 'per_class', 'confusion'
  ]  # fmt: skip
  known = [iou for iou in model['per_class'].values() if iou is not None]
  assert model['miou'] == pytest.approx(np.mean(known))
  assert list(model['confusion']) == ['road', 'car']
  for row in model['confusion'].values():
    assert sum(row.values()) == pytest.approx(1)


def test_training_logs_the_same_measures(run):
  lines = (run.workdir / 'metrics.jsonl').read_text().splitlines()
  held_out = [json.loads(line) for line in lines if 'test_miou' in line]
  assert [line['step'] for line in held_out] == [1, 2]
  assert all(0 <= line['test_accuracy'] <= 1 for line in held_out)


def test_the_report_shows_the_classes(run):
  page = (run.workdir / modes.REPORT_FILE).read_text()
  for words in (
    'Over all pixels of', 'IoU of each class', 'Confusion matrix', 'bicyclist',
    'error: wrong',
  ):  # fmt: skip
    assert words in page
  assert 'amplified' not in page  # There is an error panel instead.


def test_ones_own_pictures_get_labels_and_overlays(run, folder, tmp_path):
  request = dataclasses.replace(
    run, input=str(folder / 'test' / '0.png'), output=str(tmp_path)
  )
  assert file_modes.apply(request) == 0
  with Image.open(tmp_path / 'labels' / '0.png') as image:
    assert image.mode == 'P' and image.size == (43, 30)
    assert np.asarray(image).max() < 11
    assert image.getpalette()[:3] == [128, 128, 128]  # CamVid's sky.
  with Image.open(tmp_path / 'overlays' / '0.png') as image:
    assert image.mode == 'RGB' and image.size == (43, 30)


def test_missing_labels_are_reported_before_measuring(run, tmp_path):
  Image.new('RGB', (20, 20)).save(tmp_path / 'photo.png')
  request = dataclasses.replace(run, data=f'folder:{tmp_path}')
  with pytest.raises(ValueError, match='have no labels'):
    modes.evaluate(request)
  request = dataclasses.replace(run, data='sample_photos')
  with pytest.raises(ValueError, match='label'):
    modes.evaluate(request)


def test_labels_that_are_all_void_measure_nothing(run, tmp_path):
  for name, pixels in (('images', (9, 9, 9)), ('masks', 11)):
    (tmp_path / name).mkdir()
    mode = 'RGB' if name == 'images' else 'L'
    Image.new(mode, (20, 20), pixels).save(tmp_path / name / 'a.png')
  request = dataclasses.replace(run, data=f'folder:{tmp_path}')
  with pytest.raises(ValueError, match='No pixel of .* counts: .* void'):
    modes.evaluate(request)


@pytest.mark.parametrize('variant', ['noskips', 'unpool'])
def test_a_run_without_skips(experiment, folder, shrink, tmp_path, variant):
  config = shrink(experiment.get_config(variant), folder)
  config.data.classes, config.data.ignore = 'camvid', 11
  config.loss = 'focal+dice'
  request = request_lib.Request(
    tmp_path, config, experiment.TASK, str(PATH), variant
  )
  assert modes.train(request) == 0
