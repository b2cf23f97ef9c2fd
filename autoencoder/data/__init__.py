"""Images in, batches out: sources, training batches and held-out crops."""

from autoencoder.data.batches import Batches
from autoencoder.data.decode import UnreadableImage
from autoencoder.data.evaluation import center_crops
from autoencoder.data.folder import file_safe
from autoencoder.data.labels import LabelFormat
from autoencoder.data.labels import NoLabels
from autoencoder.data.labels import WrongLabel
from autoencoder.data.labels import label_format
from autoencoder.data.labels import note_on_absent
from autoencoder.data.sources import Source
from autoencoder.data.sources import open_source

__all__ = [
  'Batches',
  'LabelFormat',
  'NoLabels',
  'Source',
  'UnreadableImage',
  'WrongLabel',
  'center_crops',
  'file_safe',
  'label_format',
  'note_on_absent',
  'open_source',
]
