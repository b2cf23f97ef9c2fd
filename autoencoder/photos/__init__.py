"""Picture files: reading, writing, and folders of them.

photo = photos.read_image('photo.jpg')
photos.write_image('photo.png', photo)
"""

from autoencoder.photos.encoding import check_suffix
from autoencoder.photos.folders import Summary
from autoencoder.photos.folders import convert_files
from autoencoder.photos.folders import make_writable
from autoencoder.photos.images import SUFFIXES
from autoencoder.photos.images import Photo
from autoencoder.photos.images import fill_invisible
from autoencoder.photos.images import nearest_names
from autoencoder.photos.images import read_image
from autoencoder.photos.images import to_eight_bits
from autoencoder.photos.images import with_pixels
from autoencoder.photos.images import write_image
from autoencoder.photos.samples import MAX_PIXELS

__all__ = [
  'MAX_PIXELS',
  'Photo',
  'SUFFIXES',
  'Summary',
  'check_suffix',
  'convert_files',
  'fill_invisible',
  'make_writable',
  'nearest_names',
  'read_image',
  'to_eight_bits',
  'with_pixels',
  'write_image',
]
