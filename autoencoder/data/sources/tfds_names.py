"""The data sets of the TensorFlow Datasets catalogue as sources."""

from autoencoder.data import labels as labels_lib
from autoencoder.data import listing
from autoencoder.data.sources import registry


@registry.register(registry.ANY_OTHER_NAME)
def open_tfds(
  name: str,
  split: str,
  *,
  channels: int,
  labels: labels_lib.LabelFormat | None = None,
) -> registry.Source:
  """Opens a TFDS data set, downloaded and prepared if necessary.

  Raises:
    UserError: no source has this name; lists the known ones.
  """
  # TFDS takes a second to import, which folders need not pay.
  from autoencoder.data import catalogue

  return catalogue.TfdsSource(
    catalogue.prepare(name, registry.known_names()),
    split,
    name=listing.file_safe(name),
    channels=channels,
    labels=labels,
  )
