"""A large picture in bounded memory, measured on a process of its own.

4 megapixels here. The target itself, 24 megapixels within 3 GiB:
`PYTHONPATH=. python tests/codec/test_memory.py 4000 6000` prints the peaks
before and after, MiB.
"""

import os
import pathlib
import resource
import subprocess
import sys

import numpy as np


def measure(height, width):
  """Prints the process' peak before and after, MiB, of large features."""
  sys.path.insert(0, str(pathlib.Path(__file__).parent))
  import tiny

  from autoencoder import codec

  def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

  tiny.LATENT, tiny.HYPER, tiny.WIDTH = 16, 8, 192
  model = codec.TrainedCodec(tiny.make())
  image = np.tile(tiny.image(100, 100), (height // 100, width // 100, 1))
  before = peak()
  data = codec.compress(model, image)
  assert codec.decompress(model, data).shape == (height, width, 3)
  print(before, peak())


def test_memory_does_not_grow_with_the_features():
  height, width = 2000, 2000
  result = subprocess.run(
    [sys.executable, __file__, str(height), str(width)],
    capture_output=True,
    text=True,
    check=True,
    env=os.environ | {'PYTHONPATH': os.getcwd()},
  )
  before, after = map(float, result.stdout.split()[-2:])
  # Its share of 2 GiB at 24 megapixels; in one piece it takes 520 MiB.
  assert after - before < 2048 * height * width / 24e6


if __name__ == '__main__':
  measure(*map(int, sys.argv[1:]))
