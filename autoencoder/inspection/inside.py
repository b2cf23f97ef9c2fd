"""All that the inside page shows of a trained model, measured on a data set."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import numpy as np

from autoencoder import models
from autoencoder.inspection import activations
from autoencoder.inspection import features
from autoencoder.inspection import fields
from autoencoder.inspection import latent as latent_lib
from autoencoder.inspection import maps
from autoencoder.inspection import numbers
from autoencoder.inspection import receptive_field
from autoencoder.inspection import sheets
from autoencoder.inspection import steps as steps_lib
from autoencoder.inspection import views
from autoencoder.inspection import walks
from autoencoder.inspection import windows as windows_lib
from autoencoder.tasks import task as task_lib

# Windows of the data set to use, and channels to show over all layers. They
# bound the run time and the size of the page.
WINDOWS = 64
SHOWN = 240


class Inside(NamedTuple):
  """The view of a model with an encoder; see `views.View`.

  Attributes:
    layers: in the order of the network.
    latent: statistics of the bottleneck.
    walks: through the latent.
    windows: of the data set that were used.
    places: number of places of the latent in the statistics.
    stride: pixels of the network's input per place of the latent.
    kinds: of the encoder's steps.
    quality: for a codec, the quality whose quantisation step the bits are
      counted with.
    hyperprior: whether a hyperprior predicts the latent's mean, which the bits
      do not take into account.
  """

  layers: list[views.LayerView]
  latent: latent_lib.Latent
  walks: walks.Walks
  windows: list[windows_lib.Window]
  places: int
  stride: int
  kinds: frozenset[str]
  quality: int | None = None
  hyperprior: bool = False

  @property
  def template(self) -> str:
    """See `views.View`."""
    return 'inside.html'

  def numbers(self) -> dict[str, Any]:
    """See `views.View`."""
    latent, walked = self.latent, self.walks
    return {
      'windows': len(self.windows),
      'layers': [numbers.of_layer(layer) for layer in self.layers],
      'latent': {
        'places': self.places,
        'mean': numbers.rounded(latent.mean),
        'deviation': numbers.rounded(latent.deviation),
        'bits': numbers.rounded(latent.bits),
        'step': numbers.rounded(latent.step),
        'step_of_quality': self.quality,
        'dead': np.flatnonzero(latent.dead).tolist(),
        'effect': numbers.rounded(walked.effect),
        'effect_of_all': float(f'{walked.whole:.6g}'),
        'effect_unit': walked.unit,
      },
    }

  def variables(self) -> dict[str, Any]:
    """See `views.View`: strips of pictures along the walks."""
    pairs = [(row[0], row[-1]) for row in self.walks.sweeps.values()]
    amplify = sheets.amplification(pairs)
    swept = {
      channel: sheets.strip([*row, sheets.difference(row[0], row[-1], amplify)])
      for channel, row in self.walks.sweeps.items()
    }
    between = {
      title: sheets.strip(list(row))
      for title, row in self.walks.between.items()
    }
    return {
      'between': between,
      'swept': swept,
      'amplify': amplify,
      'offsets': walks.OFFSETS,
    }


def check(model: Any) -> None:
  """Raises an error for a model that `look` cannot inspect.

  Raises:
    UserError: the model is neither `models.Inspectable` nor
      `models.Decomposable`, or a layer cannot be inspected.
  """
  if not models.can(model, models.Decomposable):
    steps_lib.encoder_steps(model)


def look(
  model: Any,
  task: task_lib.Task,
  config: Any,
  source: Any,
  *,
  progress: Callable[[str], None] = lambda line: None,
) -> views.View:
  """Inspects a trained model on a data set.

  Args:
    model: a `models.Inspectable`, which gives an `Inside`, or a
      `models.Decomposable`, which gives a `maps.Maps`.
    task: makes the model's inputs from images, and pictures from its outputs.
    config: the experiment's configuration, for evaluation.
    source: the data set.
    progress: called with a line at the start of each part.

  Raises:
    UserError: the model cannot be inspected, or there are no usable images.
  """
  if models.can(model, models.Decomposable):
    return maps.look(model, task, config, source, progress=progress)
  steps = steps_lib.encoder_steps(model)
  progress('Activations')
  cut = windows_lib.cut(task, config, source, count=WINDOWS)
  found = activations.survey(model, cut)
  layers = []
  selected = steps_lib.find_layers(steps)
  shown = max(1, SHOWN // len(selected))
  for layer in selected:
    progress(f'Channels of {layer.name}')
    usage, strongest = found.layers[layer.name]
    channels = np.argsort(-usage.deviation, kind='stable')[:shown].tolist()
    layers.append(
      views.LayerView(
        layer.name,
        layer.kind,
        receptive_field.compute(steps[: layer.end]),
        *fields.measure_layer(model, layer, strongest, found.windows),
        usage,
        strongest,
        features.show(model, layer, strongest, found.windows, channels),
      )
    )
  progress('Latent')
  layers.append(fields.measure_output(model, found.windows))
  step, quality, hyperprior = None, None, False
  if models.can(model, models.Compressor):
    _, gains, hyper_layers = model.entropy_parts()
    quality = (len(gains) + 1) // 2  # The middle one.
    step = 1 / np.asarray(gains[quality - 1], np.float64)
    hyperprior = hyper_layers is not None
  latent = latent_lib.describe(found.latent, step)
  first, second = _pick_two(found.windows)
  walked = walks.walk(model, task, config, first.inputs, second.inputs, latent)
  return Inside(
    layers,
    latent,
    walked,
    found.windows,
    len(found.latent),
    model.stride,
    frozenset(step.kind for step in steps),
    quality,
    hyperprior,
  )


def _pick_two(
  windows: Sequence[windows_lib.Window],
) -> tuple[windows_lib.Window, windows_lib.Window]:
  """Returns the windows with the most contrast, of two images if possible."""
  contrast = [window.inputs.std((0, 1)).mean() for window in windows]
  order = [windows[i] for i in np.argsort(-np.array(contrast), kind='stable')]
  first = order[0]
  others = [window for window in order[1:] if window.name != first.name]
  return first, [*others, *order[1:], first][0]
