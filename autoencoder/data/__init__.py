"""Images in, batches out: sources, training batches and evaluation batches."""

from autoencoder.data.batches import Batches
from autoencoder.data.decode import UnreadableImage
from autoencoder.data.evaluation import center_crops
from autoencoder.data.evaluation import evaluation_batches
from autoencoder.data.sources import Source
from autoencoder.data.sources import open_source

__all__ = [
  'Batches',
  'Source',
  'UnreadableImage',
  'center_crops',
  'evaluation_batches',
  'open_source',
]
