"""Files of version 1 that were written before can still be decoded.

`version1.cae` was compressed with `pretrained:compression` at quality 5, and
`version1.png` holds the pixels that it was decoded to then.
"""

import pathlib

import numpy as np

from autoencoder import codec
from autoencoder import photos

_FOLDER = pathlib.Path(__file__).parent


def test_a_stored_file_decodes_to_its_pixels():
  model = codec.load('pretrained:compression')
  # The checksum in the file covers the latent, so that is bit-exact.
  pixels = codec.decompress(model, (_FOLDER / 'version1.cae').read_bytes())
  expected = photos.read_image(_FOLDER / 'version1.png').pixels
  assert pixels.shape == expected.shape == (25, 31, 3)
  # The synthesis is in floats: another machine may round to the next level.
  assert np.abs(pixels.astype(int) - expected).max() <= 1
