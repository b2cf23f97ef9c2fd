"""The contents of the inside page: views of a model and of one layer."""

from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import Protocol

import numpy as np

from autoencoder.inspection import activations
from autoencoder.inspection import features
from autoencoder.inspection import receptive_field
from autoencoder.inspection import windows as windows_lib


class LayerView(NamedTuple):
  """One layer.

  Attributes:
    name: the layer's name in the model; 'output' for the output of the model.
    kind: 'relu', 'gdn', 'conv', 'pool' or 'output'; 'maps' for a
      deconvolutional network.
    field: the computed receptive field; for the output, an upper bound that the
      model states.
    measured: the measured receptive field. None if no gradient was found.
    energy: `[B, B]`, the squared gradient within the field, 0 beyond the
      window; for maps, the squared filters.
    usage: of the channels; None for the output.
    strongest: activations of the channels; None for the output.
    channels: pictures by channel, those with the largest variation first.
  """

  name: str
  kind: str
  field: receptive_field.Field
  measured: receptive_field.Measured | None
  energy: np.ndarray
  usage: activations.Usage | None = None
  strongest: activations.Strongest | None = None
  channels: dict[int, features.Channel] = {}


class View(Protocol):
  """The interface between the page and the result of `inside.look`."""

  @property
  def template(self) -> str:
    """The name of the page's template."""

  @property
  def layers(self) -> Sequence[LayerView]:
    """The layers in the order of the network."""

  @property
  def windows(self) -> Sequence[windows_lib.Window]:
    """The windows of the data set that were used."""

  def numbers(self) -> dict[str, Any]:
    """Returns the contents of `inside.json`, without the run's description."""

  def variables(self) -> dict[str, Any]:
    """Returns further variables of the template, by name."""
