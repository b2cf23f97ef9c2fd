"""Checkpoints below folders with odd names."""

import numpy as np
import pytest

from autoencoder.runs import checkpoint


@pytest.mark.parametrize('name', ['p[1]', '[2024] h', 'a*b?', '%ä', '\udce9'])
def test_checkpoints_are_read_back_from_any_path(tmp_path, name):
  items = {'model': {'params': {'kernel': np.arange(3.0, dtype=np.float32)}}}
  workdir = tmp_path / name / 'run'
  with checkpoint.Checkpoints(workdir) as checkpoints:
    checkpoints.save(2, items)
    checkpoints.wait()
    restored = checkpoints.restore(items)
  assert restored.step == 2
  np.testing.assert_array_equal(
    restored.items['model']['params']['kernel'], [0, 1, 2]
  )
  assert (workdir / 'checkpoints' / '2').is_dir()
