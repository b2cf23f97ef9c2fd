"""A task is data: the pure functions that turn one autoencoder into a job.

Denoising, inpainting, segmentation and the rest differ only in how they make
an example out of a photo, what they call an error, and what they show. Each
experiment file holds one `Task`; training, evaluation and inference know this
protocol and never a concrete experiment.

Images are float32 in [0, 1], `[H, W, C]` or `[N, H, W, C]`, and are not
clipped between steps. `config` is the experiment's own dataclass.
"""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
from typing import Any
from typing import NamedTuple

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import models
from autoencoder.image import palettes

Array = jax.Array | np.ndarray


class Example(NamedTuple):
  """What the network sees and what it should answer, for one or N images.

  Attributes:
    inputs: `[..., H, W, C_in]` float32, given to the model.
    target: `[..., H', W', C_out]` float32, what its output is compared with.
    weight: `[..., H', W', 1]` float32, how much each pixel counts; None where
      all count alike.
    extra: whatever else `forward`, `loss` or `metrics` needs of an example,
      such as a key or a strength that was drawn: arrays, stacked for N images.
  """

  inputs: Array
  target: Array
  weight: Array | None = None
  extra: Any = None


def clip_outputs(outputs: Array, inputs: Array, config: Any) -> Array:
  """Returns `outputs` as a displayable image in [0, 1]."""
  del inputs, config
  return jnp.clip(outputs, 0.0, 1.0)


def build_autoencoder(config: Any, rngs: nnx.Rngs) -> nnx.Module:
  """Returns the untrained model that `config.model` describes."""
  return models.Autoencoder(**dataclasses.asdict(config.model), rngs=rngs)


class Task(NamedTuple):
  """The functions that make an experiment. All are pure and jit-compatible.

  Attributes:
    make_example: `(key, item, config) -> Example` for one image. `item` is
      `{'image': [H, W, C] float32, ...}` plus `label` where the data has one.
      The same key gives the same corruption on every machine. NOTE: measuring
      gives every image the same key, as published protocols do: a strength
      that is drawn is then one strength; `Config.for_evaluation` can fix it.
    loss: `(outputs, example, config) -> [N]`, one value per image.
    metrics: `(outputs, example, config) -> {name: [N]}`, the headline first;
      names start with what they measure (`psnr`, `ssim`, `psnr_hole` ...).
    picture: `(outputs, example, config) -> {title: [N, H, W, 3]}`, panels in
      reading order for reports; `input`, `output` and `target` by convention.
      A panel `error` takes the place of the difference of output and target.
    baselines: classical methods by name, `(example, config) -> outputs` on one
      NumPy example without its batch axis; run on the host, never trained. One
      that raises ImportError, for a library not installed, is left out.
    unprocessed: `(example, config) -> outputs`, the input passed off as an
      answer, for the table's `input` row; None where that has no meaning.
    prepare: `(image, config) -> inputs`, a person's own picture `[H, W, C]`
      made into what the model expects; by default the picture itself. With
      `uses_mask` it gets `[H, W, C + 1]`, last the mask: 1 is a hole, 0 known.
    finish: `(outputs, inputs, config) -> [..., H, W, 1 or 3]`, the model's
      answer made into a picture; by default clipped to [0, 1].
    keeps_colors: whether that picture has the colours of the input, so that a
      grey photo's is grey. False where `finish` makes the colours.
    applied: `(config) -> names` of the options that `prepare` and `finish` go
      by, besides `data.classes`: others are refused where they would change
      nothing. None where that is not known.
    uses_mask: whether a person's picture comes with a mask of its holes.
    prepare_radius: how many rows or columns away a pixel can change what
      `prepare` makes of another; 0 where it works pixel by pixel.
    out_channels: `(config) -> int`, the channels of the model's answer; None
      where it has those of the target.
    build_model: `(config, rngs) -> nnx.Module`, where the task needs another
      model than the autoencoder; its parameters are drawn from `rngs`.
    forward: `(model, example, config) -> outputs`, which `loss` and `metrics`
      get; by default `model(example.inputs)`.
    logged: names of the metrics logged at every step of training; empty is the
      headline, as the others have their cost.
    measure: `(model, config, source) -> evaluation.Results`, where outputs are
      not all there is to measure; None compares them with the baselines'.
    palette: `(config) -> Palette`, where the answer is a class per pixel:
      `finish` then returns labels, `[..., H, W, 1]` integers.
    legend: `(config) -> {meaning: (red, green, blue)}`, what colours of the
      panels mean, each of 255; None where they are as in life.
    counts: `(outputs, example, config) -> {name: [N, ...]}`, what is summed
      over a set whose measures are no means of images', such as confusion
      matrices. With it, `summarise` takes the place of `metrics` in whatever is
      measured on held-out images; training still shows those.
    summarise: `(counts, config) -> {metric: float, list or dict}` from the sum
      over a set, or one image's own, as NumPy arrays without the leading axis.
      In reports a dict of numbers in [0, 1] is drawn as bars, a dict of dicts
      as a table of shares, its rows true.
    notice: printed when the model is applied to a person's own pictures: what
      to know about the answers, in a line.

  Example:

    TASK = Task(make_example, loss, metrics, picture)
  """

  make_example: Callable[..., Example]
  loss: Callable[..., jax.Array]
  metrics: Callable[..., dict[str, jax.Array]]
  picture: Callable[..., dict[str, jax.Array]]
  baselines: Mapping[str, Callable[..., np.ndarray]] = {}
  unprocessed: Callable[..., Array] | None = lambda example, config: (
    example.inputs
  )
  prepare: Callable[..., Array] = lambda image, config: image
  finish: Callable[..., Array] = clip_outputs
  applied: Callable[..., tuple[str, ...]] | None = None
  keeps_colors: bool = True
  uses_mask: bool = False
  prepare_radius: int = 0
  out_channels: Callable[..., int] | None = None
  build_model: Callable[..., nnx.Module] = build_autoencoder
  forward: Callable[..., Any] = lambda model, example, config: model(
    example.inputs
  )
  logged: tuple[str, ...] = ()
  measure: Callable[..., Any] | None = None
  palette: Callable[..., palettes.Palette] | None = None
  legend: Callable[..., dict[str, tuple[int, int, int]]] | None = None
  counts: Callable[..., dict[str, jax.Array]] | None = None
  summarise: Callable[..., dict[str, Any]] | None = None
  notice: str = ''


def makes_colors(task: Task) -> bool:
  """Whether the answers are colours, which grey images have nothing to say of.

  Colours that stand for classes are none.
  """
  return not task.keeps_colors and task.palette is None


def summarise(
  task: Task, counts: dict[str, np.ndarray], config: Any
) -> tuple[dict[str, float], dict[str, Any]]:
  """Returns what `task.summarise` makes of `counts`: numbers, and the rest.

  Args:
    task: has `counts` and `summarise`.
    counts: summed over a set, or an image's own.
    config: the experiment's.

  Returns:
    `{metric: float}` in the task's order, the headline first; and its lists and
    dicts by name.
  """
  values = task.summarise(counts, config)
  numbers = {
    name: float(value)
    for name, value in values.items()
    if not isinstance(value, list | tuple | dict)
  }
  return numbers, {k: v for k, v in values.items() if k not in numbers}
