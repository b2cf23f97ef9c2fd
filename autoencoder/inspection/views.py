"""What a page shows of one layer."""

from typing import NamedTuple

import numpy as np

from autoencoder.inspection import activations
from autoencoder.inspection import features
from autoencoder.inspection import receptive_field


class LayerView(NamedTuple):
  """One layer.

  Attributes:
    name: as in the model; 'output' is that of the whole model.
    kind: 'relu', 'gdn', 'conv', 'pool', 'output'; 'maps' of a
      deconvolutional network.
    field: its receptive field as computed; of the output a bound, as the model
      states it.
    measured: as measured; of a layer, within `energy`.
    energy: `[B, B]`, the squared gradient within the field, 0 where that is
      beyond the window; of maps, the squared filters.
    usage: of its channels; None for the output.
    strongest: of its channels; None for the output.
    channels: pictures of channels, those that vary most first.
  """

  name: str
  kind: str
  field: receptive_field.Field
  measured: receptive_field.Measured | None
  energy: np.ndarray
  usage: activations.Usage | None = None
  strongest: activations.Strongest | None = None
  channels: dict[int, features.Channel] = {}
