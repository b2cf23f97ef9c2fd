"""Picture files: decoding, encoding, and folders of them."""

from autoencoder.photos.folders import Summary
from autoencoder.photos.folders import convert_files
from autoencoder.photos.folders import make_writable
from autoencoder.photos.images import Photo
from autoencoder.photos.images import read_image
from autoencoder.photos.images import write_image

__all__ = [
  'Photo',
  'Summary',
  'convert_files',
  'make_writable',
  'read_image',
  'write_image',
]
