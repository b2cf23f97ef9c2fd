"""Pictures that the decoder makes of changed latents."""

from typing import Any
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import models
from autoencoder.evaluation import pixels
from autoencoder.image import palettes
from autoencoder.inference import predictor
from autoencoder.inspection import latent as latent_lib
from autoencoder.inspection import traversal
from autoencoder.tasks import task as task_lib

STEPS = 7
# Along a channel, in standard deviations of the channel.
OFFSETS = (-3.0, -1.5, 0.0, 1.5, 3.0)
SWEEPS = 8

# Side of the pictures, in pixels of the network's input.
SIDE = 128


class Walks(NamedTuple):
  """Pictures along walks, `[N, H, W, 3]` float32 in [0, 1], and effects.

  Attributes:
    between: `{title: pictures}`, `STEPS` pictures from one image to the other.
    sweeps: `{channel: pictures}` at `OFFSETS`, the largest effect first.
    effect: `[C]`, how much the picture changes if a channel moves by one
      standard deviation (half of the change from one below to one above): the
      mean change in levels of 255, or for a task with classes the percentage of
      pixels that change class.
    whole: the change if all channels are set to their means.
    unit: of `effect` and `whole`.
    held: the decoder's inputs besides the latent, in words.
  """

  between: dict[str, np.ndarray]
  sweeps: dict[int, np.ndarray]
  effect: np.ndarray
  whole: float
  unit: str
  held: list[str]


def walk(
  model: models.Inspectable,
  task: task_lib.Task,
  config: Any,
  start: np.ndarray,
  end: np.ndarray,
  latent: latent_lib.Latent,
) -> Walks:
  """Returns a walk from one image to another, and along channels of the first.

  Args:
    model: a `models.Inspectable`.
    task: makes pictures from outputs.
    config: the experiment's configuration, for evaluation.
    start: `[H, W, C]`, an input of the network; its middle is used.
    end: another of the same size.
    latent: statistics of the channels over a data set.
  """
  side = max(SIDE // model.stride, 1) * model.stride
  start = start[pixels.middle(start.shape, side)]
  end = end[pixels.middle(end.shape, side)]

  def show(model, code):
    """Returns outputs as pictures, or as the colours of their classes."""
    answer = task.finish(traversal.decode(model, code), code.x, config)
    if task.palette is None:
      picture = jnp.clip(answer.astype(jnp.float32), 0.0, 1.0)
      return jnp.broadcast_to(picture, (*picture.shape[:3], 3))
    colors = palettes.colorize(answer[..., 0], task.palette(config))
    return colors.astype(jnp.float32) / 255

  def between(model, pair):
    a, b = (traversal.encode(model, x[None]) for x in pair)
    shares = jnp.linspace(0.0, 1.0, STEPS)
    return [
      show(model, how(a, b, shares))
      for how in (traversal.interpolate_latent, traversal.interpolate)
    ]

  def sweep(model, arguments):
    x, channels, offsets = arguments
    code = traversal.encode(model, x[None])
    # One channel at a time, so that memory does not grow with the channels.
    return jax.lax.map(
      lambda one: show(model, traversal.sweep(code, *one)), (channels, offsets)
    )

  def compare(a, b):
    change = jnp.abs(a - b)
    if task.palette is None:
      return 255 * change.mean((1, 2, 3))
    return 100 * (change.max(-1) > 0).mean((1, 2))

  def effects(model, arguments):
    pictures = sweep(model, arguments)
    return compare(pictures[:, 0], pictures[:, 1]) / 2

  def without(model, arguments):
    x, mean = arguments
    code = traversal.encode(model, x[None])
    constant = jnp.broadcast_to(mean, code.encoded.latent.shape[1:])[None]
    other = code._replace(encoded=code.encoded._replace(latent=constant))
    return compare(show(model, code), show(model, other))[0]

  channels = np.arange(len(latent.deviation))
  scale = latent.deviation[:, None].astype(np.float32)
  run = predictor.compile_with_model
  one_each = np.array([-1, 1], np.float32)
  effect = run(model, effects)((start, channels, scale * one_each))
  effect = np.asarray(effect)
  shown = np.argsort(-effect, kind='stable')[:SWEEPS]
  offsets = np.array(OFFSETS, np.float32)
  swept = run(model, sweep)((start, shown, scale[shown] * offsets))
  latent_alone, everything = map(np.asarray, run(model, between)((start, end)))
  mean = latent.mean.astype(np.float32)[None, None]
  whole = float(run(model, without)((start, mean)))
  held = traversal.describe_held(model)
  rows = {'only the latent': latent_alone}
  if held:
    rows['everything the decoder uses'] = everything
  return Walks(
    rows,
    dict(zip(shown.tolist(), np.asarray(swept))),
    effect,
    whole,
    'levels of 255' if task.palette is None else '% of the pixels',
    held,
  )
