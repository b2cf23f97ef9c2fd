"""A large photo in bounded memory, measured on a process of its own.

3 megapixels here. The target itself, 24 megapixels within 2048 MiB, takes
half a minute: `PYTHONPATH=. python tests/inference/test_memory.py 4000 6000
1024 11` prints the files done and the peaks before and after, MiB.
"""

import os
import pathlib
import resource
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
import pytest


def measure(height, width, tile, classes=0):
  """Prints the process' peak before and after, MiB, of the default model.

  With `classes`, of one that tells so many apart.
  """
  from flax import nnx
  import jax.numpy as jnp

  from autoencoder import config as config_lib
  from autoencoder import inference
  from autoencoder import models
  from autoencoder.image import palettes
  from autoencoder.tasks import segmentation
  from autoencoder.tasks import task as task_lib

  def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    row = (np.arange(width) % 251).astype(np.uint8)
    photo = np.broadcast_to(row[None, :, None], (height, width, 3))
    Image.fromarray(photo).save(folder / 'photo.jpg')
    del photo
    # Any weights do, and initialising real ones takes longer than the rest.
    model = nnx.eval_shape(
      lambda: models.Autoencoder(
        3, classes or 3, residual=not classes, rngs=nnx.Rngs(0)
      )
    )
    shapes = nnx.state(model)
    nnx.update(
      model,
      nnx.map_state(lambda _, v: v.replace(jnp.zeros(v.shape)), shapes),
    )
    palette = palettes.find(str(classes)) if classes else None
    plain = task_lib.Task(
      make_example=None, loss=None, metrics=None, picture=None
    )
    task = segmentation.TASK if classes else plain
    restore = inference.make_photo_restorer(
      model, task, config_lib.Config(), tile=tile
    )
    before = peak()
    summary = inference.apply_files(
      restore, folder, folder / 'out', palette=palette
    )
    for path in (folder / 'out').rglob('*.png'):
      with Image.open(path) as image:
        assert image.size == (width, height)
    print(summary.done, before, peak())


@pytest.mark.parametrize('classes', [0, 11])
def test_memory_does_not_grow_with_the_float_image(classes):
  height, width = 1700, 1700
  arguments = (str(height), str(width), '512', str(classes))
  result = subprocess.run(
    [sys.executable, __file__, *arguments],
    capture_output=True,
    text=True,
    check=True,
    env=os.environ | {'PYTHONPATH': os.getcwd()},
  )
  done, before, after = map(float, result.stdout.split()[-3:])
  assert done == 1
  # This photo's share of 2 GiB at 24 megapixels. Computed whole it takes half
  # as much again.
  assert after - before < 2048 * height * width / 24e6


if __name__ == '__main__':
  measure(*map(int, sys.argv[1:]))
