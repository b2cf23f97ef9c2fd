"""Evaluation with wrong labels, and with labels that lack a class."""

import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from autoencoder import config as config_lib
from autoencoder import data
from autoencoder import evaluation
from autoencoder.data import pairs
from autoencoder.tasks import segmentation

TRUTH = np.array([[0, 1, 255], [1, 0, 0]], np.uint8)


@pytest.fixture
def measure(tmp_path):
  """Returns `measure(masks, classes, damaged)`, which uses black images."""

  def measure(masks, classes='other,thing', damaged=()):
    config = config_lib.Config()
    config.data.classes = classes
    for i, mask in enumerate(masks):
      for folder, pixels in (
        ('images', np.zeros((2, 3, 3), np.uint8)), ('masks', mask)
      ):  # fmt: skip
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / folder / f'{i}.png')
    for name in damaged:
      path = tmp_path / 'images' / name
      path.write_bytes(path.read_bytes()[:-30])
    source = data.open_source(
      f'folder:{tmp_path}', 'test', channels=3,
      labels=data.label_format(config.data),
    )  # fmt: skip
    return evaluation.evaluate(
      lambda x: jnp.concatenate([x[..., :1] + 1, x[..., :1]], axis=-1),
      segmentation.TASK, config, source,
    )  # fmt: skip

  return measure


def test_a_wrong_label_ends_the_evaluation(measure, monkeypatch):
  monkeypatch.setattr(pairs, 'CHECKED', 0)
  with pytest.raises(data.WrongLabel, match='masks/1.png: its label .* is 2'):
    measure([TRUTH, np.full((2, 3), 2, np.uint8)])


def test_a_damaged_image_is_left_out(measure):
  results = measure([TRUTH] * 2, damaged=['1.png'])
  assert len(results.images) == 1 and '1.png' in results.facts['failed'][0]


def test_a_class_that_never_occurs_is_named(measure, capsys):
  results = measure([np.uint8(255 * (TRUTH == 1))] * 2, '2')
  assert results.mean['model']['miou'] == 1
  note = results.facts['note']
  assert 'No pixel of the labels measured is class 1: is --config' in note
  assert note.endswith('data.classes=other=#000000,thing=#ffffff.')
  assert f'NOTE: {note}' in capsys.readouterr().out
  assert 'No pixel' not in measure([TRUTH]).facts.get('note', '')
