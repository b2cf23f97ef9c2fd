"""A large picture is coded in bounded memory, measured in a separate process.

The test uses 1 megapixel. To measure the target itself (24 megapixels within
3 GiB), run `PYTHONPATH=. python tests/codec/test_memory.py 4000 6000 1024`. It
prints the peaks before and after, in MiB.
"""

import os
import pathlib
import resource
import subprocess
import sys

import numpy as np


def measure(height, width, tile):
  """Prints the peak memory of the process before and after, in MiB."""
  sys.path.insert(0, str(pathlib.Path(__file__).parent))
  import tiny

  from autoencoder import codec
  from autoencoder.codec import coding

  def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

  coding.TILE = tile
  tiny.LATENT, tiny.HYPER, tiny.WIDTH = 16, 8, 192
  model = codec.TrainedCodec(tiny.make())
  image = np.tile(tiny.image(100, 100), (height // 100, width // 100, 1))
  before = peak()
  data = codec.compress(model, image)
  assert codec.decompress(model, data).shape == (height, width, 3)
  print(before, peak())


def test_memory_is_bounded_by_the_tile(quick_flags):
  height, width = 1000, 1000
  result = subprocess.run(
    [sys.executable, __file__, str(height), str(width), '256'],
    capture_output=True,
    text=True,
    check=True,
    env=os.environ
    | quick_flags
    | {'PYTHONPATH': os.getcwd(), 'JAX_DISABLE_MOST_OPTIMIZATIONS': '1'},
  )
  before, after = map(float, result.stdout.split()[-2:])
  # In one piece it takes more than twice as much.
  assert after - before < 2048 * height * width / 24e6


if __name__ == '__main__':
  measure(*map(int, sys.argv[1:]))
