"""Use of a trained model: on arrays, on photos, on a person's own files."""

from autoencoder.inference.apply import apply_files
from autoencoder.inference.folders import Summary
from autoencoder.inference.folders import convert_files
from autoencoder.inference.folders import make_writable
from autoencoder.inference.images import Photo
from autoencoder.inference.images import read_image
from autoencoder.inference.images import write_image
from autoencoder.inference.predictor import Predictor
from autoencoder.inference.predictor import make_predictor
from autoencoder.inference.predictor import self_ensemble
from autoencoder.inference.restorer import make_photo_restorer

__all__ = [
  'Photo',
  'Predictor',
  'Summary',
  'apply_files',
  'convert_files',
  'make_photo_restorer',
  'make_predictor',
  'make_writable',
  'read_image',
  'self_ensemble',
  'write_image',
]
