"""Flat colours come back flat from every packaged restorer, border included."""

import numpy as np
import pytest

from autoencoder import inference
from autoencoder.runs import checkpoint
from autoencoder.runs import packaged
from autoencoder.runs import workdir

COLORS = (
  (0, 0, 0),
  (3, 3, 3),
  (128, 128, 128),
  (255, 255, 255),
  (255, 0, 0),
  (0, 255, 0),
  (0, 0, 255),
)


@pytest.mark.parametrize(
  'name',
  [
    name
    for name in packaged.names()
    if name.startswith(('denoising', 'inpainting', 'super_resolution'))
  ],
)
def test_flat_colors_stay_within_two_levels(name):
  model = checkpoint.load(f'pretrained:{name}')
  run = workdir.load(packaged.resolve(f'pretrained:{name}'))
  restore = inference.make_photo_restorer(
    model, run.task, run.config.for_evaluation()
  )
  for color in COLORS:
    flat = np.full((45, 60, 3), color, np.uint8)
    pixels = flat
    if run.task.uses_mask:
      mask = np.zeros((45, 60, 1), np.uint8)
      mask[20:30, 10:20] = mask[:6, :9] = 255
      pixels = np.concatenate([flat, mask], axis=-1)
    restored = restore(pixels).astype(int)
    assert np.abs(restored - np.array(color)).max() <= 2, color
    if color[0] == color[1] == color[2]:
      assert np.ptp(restored, axis=-1).max() <= 2, color
