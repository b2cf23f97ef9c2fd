"""The embedded photographs as a source."""

from autoencoder.data import labels as labels_lib
from autoencoder.data.sources import registry


@registry.register('sample_photos')
def open_sample_photos(
  name: str,
  split: str,
  *,
  channels: int,
  labels: labels_lib.LabelFormat | None = None,
) -> registry.Source:
  """Prepares the photographs unless an earlier call did, and opens them."""
  # TFDS takes a second to import, which folders need not pay.
  from autoencoder.data import catalogue
  from autoencoder.data import sample_photos

  return catalogue.TfdsSource(
    sample_photos.prepare(), split, name=name, channels=channels, labels=labels
  )
