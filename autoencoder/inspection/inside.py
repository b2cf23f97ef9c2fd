"""All that the page shows of a trained model, measured on a data set."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import models
from autoencoder.inference import predictor
from autoencoder.inspection import activations
from autoencoder.inspection import features
from autoencoder.inspection import latent as latent_lib
from autoencoder.inspection import maps
from autoencoder.inspection import receptive_field
from autoencoder.inspection import steps as steps_lib
from autoencoder.inspection import traversal
from autoencoder.inspection import views
from autoencoder.inspection import walks
from autoencoder.inspection import windows as windows_lib
from autoencoder.models import inputs
from autoencoder.tasks import task as task_lib

# Windows of the data set looked at, and channels shown, over all layers: what
# keeps a run within a minute, and the page within 6 MiB.
WINDOWS = 64
SHOWN = 240

# Places that a layer's gradient is a sum over, at the most.
_MEASURED = 8


class Inside(NamedTuple):
  """What there is to see.

  Attributes:
    layers: in the order of the network.
    latent: statistics of the bottleneck.
    walks: through it.
    windows: that were looked at.
    places: of the latent, that the statistics are over.
    stride: pixels of the network's input for one place of the latent.
    kinds: of steps that the encoder has.
    quality: whose steps the bits are counted in, if the model is a codec.
    hyperprior: whether that codec predicts the mean, which bits leave out.
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


def check(model: nnx.Module) -> None:
  """Raises `ValueError` for a model that `look` does not know."""
  if not models.can(model, models.Decomposable):
    steps_lib.encoder_steps(model)


def look(
  model: nnx.Module,
  task: task_lib.Task,
  config: Any,
  source: Any,
  *,
  progress: Callable[[str], None] = lambda line: None,
) -> Inside | maps.Maps:
  """Looks at a trained model through a data set.

  Args:
    model: see `steps.encoder_steps`; or a deconvolutional network, of which
      `maps.look` finds what there is.
    task: makes inputs of images, and pictures of answers.
    config: the experiment's, for evaluation.
    source: the data set.
    progress: gets a line at the start of each part.

  Raises:
    ValueError: another model, or data that cannot be used.
  """
  if models.can(model, models.Decomposable):
    return maps.look(model, task, config, source, progress=progress)
  steps = steps_lib.encoder_steps(model)
  progress('Activations')
  cut = windows_lib.cut(task, config, source, count=WINDOWS)
  found = activations.survey(model, cut)
  layers = []
  worthy = steps_lib.find_layers(steps)
  shown = max(1, SHOWN // len(worthy))
  for layer in worthy:
    progress(f'Channels of {layer.name}')
    usage, strongest = found.layers[layer.name]
    channels = np.argsort(-usage.deviation, kind='stable')[:shown].tolist()
    field = receptive_field.compute(steps[: layer.end])
    layers.append(
      views.LayerView(
        layer.name,
        layer.kind,
        field,
        *measure_layer(model, layer, strongest, found.windows),
        usage,
        strongest,
        features.show(model, layer, strongest, found.windows, channels),
      )
    )
  progress('Latent')
  layers.append(_output(model, found.windows))
  step, quality, hyperprior = None, None, False
  if models.can(model, models.Compressor):
    _, gains, hyper_layers = model.entropy_parts()
    quality = (len(gains) + 1) // 2  # The middle one.
    step = 1 / np.asarray(gains[quality - 1], np.float64)
    hyperprior = hyper_layers is not None
  latent = latent_lib.describe(found.latent, step)
  first, second = _different(found.windows)
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


def _different(windows):
  """Returns the windows richest in contrast of two images, if there are two."""
  contrast = [window.inputs.std((0, 1)).mean() for window in windows]
  order = [windows[i] for i in np.argsort(-np.array(contrast), kind='stable')]
  first = order[0]
  others = [window for window in order[1:] if window.name != first.name]
  return first, [*others, *order[1:], first][0]


def measure_layer(
  model: nnx.Module,
  layer: steps_lib.Layer,
  strongest: activations.Strongest,
  windows: Sequence[windows_lib.Window],
) -> tuple[receptive_field.Measured | None, np.ndarray]:
  """Returns what gradients of a layer show within its field, and their energy.

  They are of several places where a channel answers most: of rarely active
  channels, the gradient of any one place is 0.

  Args:
    model: see `steps.encoder_steps`.
    layer: where the channels are.
    strongest: what `survey` found there.
    windows: those that it saw.
  """
  prefix = steps_lib.encoder_steps(model)[: layer.end]
  field = receptive_field.compute(prefix)

  def energy(model, arguments):
    steps = steps_lib.encoder_steps(model)[: layer.end]
    return receptive_field.gradient_energy(steps, *arguments)

  compiled = predictor.compile_with_model(model, energy)
  total = np.zeros((field.size, field.size), np.float32)
  for number, place in _strong_places(layer, field, strongest, windows):
    x = np.asarray(inputs.pad(windows[number].inputs[None], model.stride))
    found = np.asarray(compiled((x, jax.random.key(number), place)))
    total += receptive_field.cut(found, field, place)
  whole = receptive_field.Field(0, field.size, 1)
  return receptive_field.measure(total, whole, (0, 0)), total


def _strong_places(layer, field, strongest, windows):
  """Returns number of the window, and place, for channels evenly spaced.

  Of a channel's strongest places, the one that is nearest the middle of its
  window, which cuts least of the field.
  """
  answers = np.isfinite(strongest.values)
  if layer.kind == 'relu':
    answers &= strongest.values > 0
  middle = np.array(windows[0].inputs.shape[:2]) / 2
  away = np.abs(field.center(strongest.places) - middle).max(-1)
  ranks = np.where(answers, away, np.inf).argmin(1)
  channels = np.flatnonzero(answers.any(1))
  return [
    (
      int(strongest.windows[channel, ranks[channel]]),
      tuple(strongest.places[channel, ranks[channel]].tolist()),
    )
    for channel in channels[:: -(-len(channels) // _MEASURED) or 1]
  ]


def _output(model, windows) -> views.LayerView:
  """Measures the whole model: what it computes, without the input it adds."""
  x = np.asarray(inputs.pad(windows[0].inputs[None], model.stride))
  place = tuple(size // 2 for size in x.shape[1:3])

  def energy(model, x):
    def answer(x):
      code = traversal.encode(model, x)
      code = code._replace(x=jax.lax.stop_gradient(code.x))
      return traversal.decode(model, code)

    output, pull = jax.vjp(answer, x)
    scale = output.shape[1] // x.shape[1]
    signs = jax.random.rademacher(
      jax.random.key(0), output.shape[-1:], jnp.float32
    )
    at = tuple(scale * p for p in place)
    (gradient,) = pull(jnp.zeros_like(output).at[0, *at].set(signs))
    return (gradient[0] ** 2).sum(-1)

  found = np.asarray(predictor.compile_with_model(model, energy)(x))
  radius = model.receptive_radius
  field = receptive_field.Field(-radius, 2 * radius + 1, 1)
  return views.LayerView(
    'output',
    'output',
    field,
    receptive_field.measure(found, field, place),
    receptive_field.cut(found, field, place),
  )
