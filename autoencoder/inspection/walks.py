"""What the decoder makes of other latents, as pictures."""

from typing import Any
from typing import NamedTuple

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.image import palettes
from autoencoder.inference import predictor
from autoencoder.inspection import latent as latent_lib
from autoencoder.inspection import traversal
from autoencoder.tasks import task as task_lib

STEPS = 7
OFFSETS = (-3.0, -1.5, 0.0, 1.5, 3.0)  # In deviations of the channel.
SWEEPS = 8

# Side of the pictures, in places of the network's input.
SIDE = 128


class Walks(NamedTuple):
  """Pictures are `[N, H, W, 3]` float32 in [0, 1].

  Attributes:
    between: `{title: pictures}`, from one image to the other, `STEPS` each.
    sweeps: `{channel: pictures}`, at `OFFSETS`, the largest effect first.
    effect: `[C]`: how much a channel that moves by one deviation changes the
      picture (half of the change from one below to one above). Mean change in
      levels of 255, or with a palette the percentage of pixels that change
      class.
    whole: the same of all channels together, set to their means.
    unit: of both.
    held: what else the decoder gets, in words.
  """

  between: dict[str, np.ndarray]
  sweeps: dict[int, np.ndarray]
  effect: np.ndarray
  whole: float
  unit: str
  held: list[str]


def walk(
  model: nnx.Module,
  task: task_lib.Task,
  config: Any,
  start: np.ndarray,
  end: np.ndarray,
  latent: latent_lib.Latent,
) -> Walks:
  """Walks from one image to another, and along the channels of the first.

  Args:
    model: a `models.Inspectable`.
    task: makes pictures of the answers.
    config: the experiment's, for evaluation.
    start: `[H, W, C]`, as the network gets it; its middle is used.
    end: another of the same size.
    latent: statistics of the channels, over a data set.
  """
  start, end = _middle(start, model.stride), _middle(end, model.stride)

  def show(model, code):
    """Returns pictures, and classes where there are any."""
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
    # One after the other, so that memory does not grow with the channels.
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
  effect = run(model, effects)((start, channels, scale * np.float32([-1, 1])))
  effect = np.asarray(effect)
  shown = np.argsort(-effect, kind='stable')[:SWEEPS]
  swept = run(model, sweep)((start, shown, scale[shown] * np.float32(OFFSETS)))
  latent_alone, everything = map(np.asarray, run(model, between)((start, end)))
  mean = latent.mean.astype(np.float32)[None, None]
  whole = float(run(model, without)((start, mean)))
  held = traversal.describe_held(model)
  rows = {'the latent alone': latent_alone}
  if held:
    rows['all that the decoder gets'] = everything
  return Walks(
    rows,
    dict(zip(shown.tolist(), np.asarray(swept))),
    effect,
    whole,
    'levels of 255' if task.palette is None else '% of the pixels',
    held,
  )


def _middle(image: np.ndarray, stride: int) -> np.ndarray:
  """Returns the middle, its sides multiples of the stride where they can be."""
  window = []
  for size in image.shape[:2]:
    side = min(size, max(SIDE // stride, 1) * stride)
    first = (size - side) // 2
    window.append(slice(first, first + side))
  return image[tuple(window)]
