"""Labels without any class, found before training."""

import numpy as np
import pytest

from autoencoder import errors
from autoencoder.training import data_notes
from autoencoder.training import setup


class _Source:
  name, root = 'photos', '/photos'

  def __init__(self, *labels):
    self._labels = labels

  def __len__(self):
    return len(self._labels)

  def __getitem__(self, i):
    return {'label': np.full((4, 4), self._labels[i], np.int32)}


def test_labels_that_are_all_void_are_refused():
  with pytest.raises(errors.UserError, match='All labels of folder:x are void'):
    setup._check_not_void(_Source(255, 255), 'folder:x')
  setup._check_not_void(_Source(255, 0), 'folder:x')


def test_the_advice_is_not_what_was_given():
  source = _Source()
  (note,) = data_notes.note_same_images(source, source, test_is_given=True)
  assert 'Give another folder' in note
  (note,) = data_notes.note_same_images(source, source)
  assert 'Give --config.data.test_source' in note
