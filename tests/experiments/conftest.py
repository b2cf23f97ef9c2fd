"""Photos to train tiny runs on."""

import numpy as np
from PIL import Image
import pytest


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
  """A folder with three training photos and one held out."""
  folder = tmp_path_factory.mktemp('photos')
  rng = np.random.default_rng(0)
  for split, count in (('train', 3), ('test', 1)):
    (folder / split).mkdir()
    for i in range(count):
      coarse = Image.fromarray(rng.integers(0, 256, (6, 7, 3), np.uint8))
      coarse.resize((34 + i, 27), 2).save(folder / split / f'{i}.png')
  return folder
