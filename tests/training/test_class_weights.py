"""Class weights are counted once and kept with the run."""

import dataclasses
import re

import numpy as np
from PIL import Image
import pytest

from autoencoder import data
from autoencoder.data import pairs
from autoencoder.runs import workdir
from autoencoder.training import setup


@pytest.fixture
def labelled(config, tmp_path):
  """Four images of three classes, of which one is rare and one absent."""
  for split in ('train', 'test'):
    for i in range(4):
      label = np.zeros((20, 20), np.uint8)
      label[:i] = 1
      for folder, pixels in (
        (split, label[..., None].repeat(3, -1)), (f'{split}annot', label)
      ):  # fmt: skip
        path = tmp_path / folder / f'{i}.png'
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
  config.data = dataclasses.replace(
    config.data, source=f'folder:{tmp_path}', classes='a,b,c'
  )
  return config


# a fills 1480 of 1600 pixels, b 120 of the 1200 of its images; c is nowhere.
FREQUENCIES = (1480 / 1600, 120 / 1200)
MEDIAN = sum(FREQUENCIES) / 2


@pytest.mark.parametrize('power, resident_mib', [(1, 64), (0.5, 64), (1, 0)])
def test_weights_balance_the_training_labels(
  labelled, task, power, resident_mib
):
  labelled.data.balance = float(power)
  labelled.data.resident_mib = resident_mib
  training = setup.set_up(labelled, task)
  expected = [(MEDIAN / frequency) ** power for frequency in FREQUENCIES]
  assert training.config.data.class_weights == pytest.approx(
    [*expected, 0], abs=1e-5
  )
  assert labelled.data.class_weights == ()
  training.config.validate()
  (note,) = training.notes
  assert note.startswith('No pixel of the training labels is c: is --config.')


def test_without_a_balance_there_are_no_weights(labelled, task):
  training = setup.set_up(labelled, task)
  assert training.config.data.class_weights == ()


@pytest.mark.parametrize('resident_mib', [64, 0])
def test_masks_of_0_and_255_give_a_note(labelled, task, tmp_path, resident_mib):
  for path in tmp_path.glob('*annot/*.png'):
    Image.fromarray(255 * np.asarray(Image.open(path))).save(path)
  labelled.data.resident_mib = resident_mib
  labelled.data.classes = '2'
  (note,) = setup.set_up(labelled, task).notes
  assert re.match('No pixel of the training labels .*is class 1: is ', note)
  assert note.endswith('data.classes=other=#000000,thing=#ffffff.')
  labelled.data.classes = 'other=#000000,thing=#ffffff'
  assert not setup.set_up(labelled, task).notes


def test_a_few_labels_need_not_show_every_class(labelled, task):
  labelled.data.resident_mib = 0
  assert not setup.set_up(labelled, task).notes


@pytest.mark.parametrize('checked', [1000, 1])
def test_a_wrong_test_label_is_found_before_training(
  labelled, task, tmp_path, checked, monkeypatch
):
  monkeypatch.setattr(pairs, 'CHECKED', checked)
  Image.fromarray(np.full((20, 20), 3, 'u1')).save(tmp_path / 'testannot/2.png')
  with pytest.raises(data.WrongLabel, match='testannot/2.png: its label'):
    setup.set_up(labelled, task)


def test_a_run_that_continues_keeps_its_weights(
  labelled, task, tmp_path, monkeypatch
):
  labelled.data.balance = 1.0
  training = setup.set_up(labelled, task)
  experiment = tmp_path / 'experiment.py'
  experiment.write_text(
    'from autoencoder import config\nTASK = None\nget_config = config.Config\n'
  )
  workdir.save(tmp_path / 'run', experiment, None, training.config)
  continued = workdir.check_continuation(tmp_path / 'run', labelled, experiment)
  assert continued.data.class_weights == training.config.data.class_weights
  monkeypatch.setattr(
    'autoencoder.tasks.segmentation_metrics.median_frequency_weights', None
  )
  again = setup.set_up(continued, task).config
  assert again.data == continued.data
  labelled.data.balance = 0.5
  with pytest.raises(ValueError, match='data.balance .run: 1.0, asked: 0.5'):
    workdir.check_continuation(tmp_path / 'run', labelled, experiment)


@pytest.mark.parametrize(
  'options, words',
  [
    ({'classes': 'camvit'}, 'data.classes takes scenes, camvid'),
    (
      {'class_weights': (1.0, 2.0)},
      'takes 3 finite numbers of at least 0, one',
    ),
    ({'class_weights': (1.0, 2.0, -1.0)}, 'takes 3 finite numbers'),
    ({'classes': '', 'balance': 1.0}, 'need data.classes'),
    ({'balance': -1.0}, 'data.balance must be at least 0'),
    ({'scale_range': (0.5,)}, 'two factors above 0 in order, such as 0.5,2'),
    ({'scale_range': (2.0, 0.5)}, 'in order'),
    ({'scale_range': (0.0, 0.5)}, 'above 0'),
    ({'tone_jitter': 1.0}, r'data.tone_jitter must be in \[0, 1\)'),
    ({'ignore': -1}, 'data.ignore must be at least 0'),
  ],
)
def test_impossible_options_are_explained(labelled, options, words):
  labelled.data = dataclasses.replace(labelled.data, **options)
  with pytest.raises(ValueError, match=words):
    labelled.validate()
