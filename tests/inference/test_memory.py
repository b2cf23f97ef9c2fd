"""A large photo is restored in bounded memory, measured in a separate process.

The test uses 1 megapixel and a small model. To measure the target itself (the
default model, 24 megapixels within 2048 MiB), run
`PYTHONPATH=. python tests/inference/test_memory.py 4000 6000 1024 11`. It
prints the number of files and the peaks before and after, in MiB.
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


def measure(height, width, tile, classes=0, **options):
  """Prints the peak memory of the process before and after, in MiB.

  Args:
    height: rows of the photo.
    width: columns of the photo.
    tile: longest side computed at once.
    classes: number of classes of a segmentation model; 0 restores the photo.
    **options: of the model.
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
    # Zeros suffice as weights, and initialising real ones is slow.
    options['residual'] = not classes
    model = nnx.eval_shape(
      lambda: models.Autoencoder(3, classes or 3, **options, rngs=nnx.Rngs(0))
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
def test_memory_is_bounded_by_the_tile(classes, quick_flags):
  code = (
    'from tests.inference.test_memory import measure\n'
    f'measure(1000, 1000, 256, {classes}, widths=(32, 8), blocks=0)'
  )
  result = subprocess.run(
    [sys.executable, '-c', code],
    capture_output=True,
    text=True,
    check=True,
    env=os.environ
    | quick_flags
    | {'PYTHONPATH': os.getcwd(), 'JAX_DISABLE_MOST_OPTIMIZATIONS': '1'},
  )
  done, before, after = map(float, result.stdout.split()[-3:])
  assert done == 1
  # In one piece it takes more than twice as much.
  assert after - before < 160


if __name__ == '__main__':
  measure(*map(int, sys.argv[1:]))
