"""Sources of images; batches for training and crops for measuring."""

from autoencoder.data.batches import Batches
from autoencoder.data.decode import UnreadableImage
from autoencoder.data.evaluation import center_crops
from autoencoder.data.labels import LabelFormat
from autoencoder.data.labels import NoLabels
from autoencoder.data.labels import WrongLabel
from autoencoder.data.labels import label_format
from autoencoder.data.labels import note_on_absent
from autoencoder.data.listing import file_safe
from autoencoder.data.sources import Source
from autoencoder.data.sources import is_local
from autoencoder.data.sources import known_names
from autoencoder.data.sources import open_source
from autoencoder.data.sources import without_path

__all__ = [
  'Batches',
  'LabelFormat',
  'NoLabels',
  'Source',
  'UnreadableImage',
  'WrongLabel',
  'center_crops',
  'file_safe',
  'is_local',
  'known_names',
  'label_format',
  'note_on_absent',
  'open_source',
  'without_path',
]
