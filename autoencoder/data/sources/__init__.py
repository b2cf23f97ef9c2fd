"""The data sets that a name opens: one file each, found by the registry."""

from autoencoder.data.sources.registry import Source
from autoencoder.data.sources.registry import is_local
from autoencoder.data.sources.registry import known_names
from autoencoder.data.sources.registry import open_source
from autoencoder.data.sources.registry import register
from autoencoder.data.sources.registry import without_path

__all__ = [
  'Source',
  'is_local',
  'known_names',
  'open_source',
  'register',
  'without_path',
]
