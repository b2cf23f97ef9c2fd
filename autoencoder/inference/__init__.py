"""Use of a trained model: on arrays, on photos, on picture files."""

from autoencoder.inference.apply import apply_files
from autoencoder.inference.predictor import Predictor
from autoencoder.inference.predictor import make_predictor
from autoencoder.inference.predictor import self_ensemble
from autoencoder.inference.restorer import make_photo_restorer

__all__ = [
  'Predictor',
  'apply_files',
  'make_photo_restorer',
  'make_predictor',
  'self_ensemble',
]
