"""Receptive fields of a model's layers and of its output, measured."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import models
from autoencoder.inference import predictor
from autoencoder.inspection import activations
from autoencoder.inspection import receptive_field
from autoencoder.inspection import steps as steps_lib
from autoencoder.inspection import traversal
from autoencoder.inspection import views
from autoencoder.inspection import windows as windows_lib
from autoencoder.models import inputs

# A layer's gradient is summed over at most this many places.
_PLACES = 8


def measure_layer(
  model: models.Inspectable,
  layer: steps_lib.Layer,
  strongest: activations.Strongest,
  windows: Sequence[windows_lib.Window],
) -> tuple[receptive_field.Measured | None, np.ndarray]:
  """Measures the receptive field of a layer by gradients.

  The gradient is taken where channels are most active: of a channel that is
  rarely active, the gradient at most places is 0.

  Args:
    model: a `models.Inspectable`.
    layer: the layer.
    strongest: the layer's strongest activations, from `activations.survey`.
    windows: those of the survey.

  Returns:
    The measured field, None if no gradient was found; and the squared gradient
    within the computed field, `[size, size]`.
  """
  prefix = steps_lib.encoder_steps(model)[: layer.end]
  field = receptive_field.compute(prefix)

  def energy(model, arguments):
    steps = steps_lib.encoder_steps(model)[: layer.end]
    return receptive_field.gradient_energy(steps, *arguments)

  compiled = predictor.compile_with_model(model, energy)
  total = np.zeros((field.size, field.size), np.float32)
  for number, place in _strong_places(layer, field, strongest, windows):
    x = np.asarray(
      inputs.pad(jnp.asarray(windows[number].inputs[None]), model.stride)
    )
    found = np.asarray(compiled((x, jax.random.key(number), place)))
    total += receptive_field.cut(found, field, place)
  whole = receptive_field.Field(0, field.size, 1)
  return receptive_field.measure(total, whole, (0, 0)), total


def _strong_places(
  layer: steps_lib.Layer,
  field: receptive_field.Field,
  strongest: activations.Strongest,
  windows: Sequence[windows_lib.Window],
) -> list[tuple[int, tuple[int, int]]]:
  """Returns window number and place of strong activations.

  Channels are evenly spaced. Of a channel's strongest activations, the one
  closest to the middle of its window is used, because there the window holds
  most of the field.
  """
  active = np.isfinite(strongest.values)
  if layer.kind == 'relu':
    active &= strongest.values > 0
  middle = np.array(windows[0].inputs.shape[:2]) / 2
  away = np.abs(field.center(strongest.places) - middle).max(-1)
  ranks = np.where(active, away, np.inf).argmin(1)
  channels = np.flatnonzero(active.any(1))
  found = []
  for channel in channels[:: -(-len(channels) // _PLACES) or 1]:
    row, column = strongest.places[channel, ranks[channel]].tolist()
    found.append(
      (int(strongest.windows[channel, ranks[channel]]), (row, column))
    )
  return found


def measure_output(
  model: models.Inspectable, windows: Sequence[windows_lib.Window]
) -> views.LayerView:
  """Measures the receptive field of the output, in the middle of a window.

  The input that a residual model adds to its output does not count.

  Args:
    model: a `models.Inspectable`.
    windows: the first one is used.
  """
  x = np.asarray(inputs.pad(jnp.asarray(windows[0].inputs[None]), model.stride))
  place = (x.shape[1] // 2, x.shape[2] // 2)

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
