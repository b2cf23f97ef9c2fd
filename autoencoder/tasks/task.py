"""A task is data: the pure functions that give an autoencoder its job.

Denoising, inpainting, segmentation and the others differ only in how they turn
a photo into an example, how they measure an error, and what they show. Each
experiment file defines one `Task`. Training, evaluation and inference use the
`Task` and never a concrete experiment.

Images are float32 in [0, 1], `[H, W, C]` or `[N, H, W, C]`. No step clips
them. `config` is the experiment's own dataclass.
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

# `jax.Array` in compiled functions, `np.ndarray` on the host (baselines).
Array = Any


class Example(NamedTuple):
  """The network's input and the answer it should give, for one or N images.

  Attributes:
    inputs: `[..., H, W, C_in]` float32, the model's input.
    target: `[..., H', W', C_out]` float32, compared with the model's output.
    weight: `[..., H', W', 1]` float32, the weight of each pixel in the loss;
      None if all pixels count equally.
    extra: further arrays that `forward`, `loss` or `metrics` need, such as a
      random key or a noise level; stacked for N images.
  """

  inputs: Array
  target: Array
  weight: Array | None = None
  extra: Any = None


def clip_outputs(outputs: Array, inputs: Array, config: Any) -> Array:
  """Returns `outputs` clipped to [0, 1], an image that can be displayed."""
  del inputs, config
  return jnp.clip(outputs, 0.0, 1.0)


def build_autoencoder(config: Any, rngs: nnx.Rngs) -> nnx.Module:
  """Returns the untrained `models.Autoencoder` that `config.model` describes.

  Args:
    config: an experiment's configuration with `config.model`.
    rngs: parameter key.
  """
  return models.Autoencoder(**dataclasses.asdict(config.model), rngs=rngs)


def _call_model(model: nnx.Module, example: Example, config: Any) -> Any:
  """Returns the model's output for the inputs of an example."""
  del config
  return model(example.inputs)


def _inputs_as_outputs(example: Example, config: Any) -> Array:
  """Returns the unprocessed input."""
  del config
  return example.inputs


def _unchanged(image: Array, config: Any) -> Array:
  """Returns the picture as it is."""
  del config
  return image


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingPart:
  """The fields of a `Task` that training needs.

  Attributes:
    make_example: `(key, item, config) -> Example` for one image. `item` is
      `{'image': [H, W, C] float32, ...}`, plus `label` if the data has labels.
      The same key gives the same corruption on every machine. NOTE: evaluation
      passes the same key for every image, as published protocols do, so a
      randomly drawn noise level is the same for all images.
      `Config.for_evaluation` can fix the level instead.
    loss: `(outputs, example, config) -> [N]`, one value per image.
    metrics: `(outputs, example, config) -> {name: [N]}`, the headline metric
      first. A name starts with the quantity that it measures (`psnr`, `ssim`,
      `psnr_hole` ...). Evaluation uses them, too.
    logged: names of the metrics to log at every training step. If empty, only
      the headline metric is logged, because the others cost time.
    build_model: `(config, rngs) -> nnx.Module`, whose parameters are drawn from
      `rngs`. Set it if the task needs another model than `models.Autoencoder`;
      `models.Model` says what a model must have.
    forward: `(model, example, config) -> outputs`, which are passed to `loss`
      and `metrics`. Default: `model(example.inputs)`.
    out_channels: `(config) -> int`, the number of output channels of the model.
      None: the channels of the target.
  """

  make_example: Callable[..., Example]
  loss: Callable[..., jax.Array]
  metrics: Callable[..., dict[str, jax.Array]]
  logged: tuple[str, ...] = ()
  build_model: Callable[..., nnx.Module] = build_autoencoder
  forward: Callable[..., Any] = _call_model
  out_channels: Callable[..., int] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationPart:
  """The fields of a `Task` that evaluation and its reports need.

  Attributes:
    picture: `(outputs, example, config) -> {title: [N, H, W, 3]}`, the panels
      of a report in reading order. The panels `output` and `target` are
      required; `input` is usual. A panel `error` replaces the difference of
      output and target.
    baselines: classical methods by name, `(example, config) -> outputs`. They
      get one NumPy example without a batch axis, run on the host and are never
      trained. A baseline that raises `ImportError` is left out of the table.
    unprocessed: `(example, config) -> outputs`, the input taken as the answer,
      for the row `input` of the table. None leaves the row out.
    measure: `(model, config, source) -> evaluation.Results`, for tasks that
      measure more than outputs. None compares the model's outputs with those
      of the baselines.
    counts: `(outputs, example, config) -> {name: [N, ...]}`, arrays that are
      summed over a data set, such as confusion matrices. Set it if the metric
      of a set is not the mean over its images. `summarise` then replaces
      `metrics` in evaluation; training still logs `metrics`.
    summarise: `(counts, config) -> {metric: float, list or dict}`. It gets the
      sum over a data set, or the counts of one image, as NumPy arrays without
      the batch axis. Reports draw a dict of numbers in [0, 1] as bars, and a
      dict of dicts as a table of shares with one row per true class.
    class_pixels: `(counts) -> [K]`, the number of true pixels of each class in
      summed counts, so that evaluation can warn of classes without any. None if
      there are no classes.
    titles: headings in reports for the lists and dicts of `summarise`, by name.
    legend: `(config) -> {meaning: (red, green, blue)}`, the meaning of the
      panels' colours, each in 0..255. None if they have no special meaning.
  """

  picture: Callable[..., dict[str, jax.Array]]
  baselines: Mapping[str, Callable[..., np.ndarray]] = dataclasses.field(
    default_factory=dict
  )
  unprocessed: Callable[..., Array] | None = _inputs_as_outputs
  measure: Callable[..., Any] | None = None
  counts: Callable[..., dict[str, jax.Array]] | None = None
  summarise: Callable[..., dict[str, Any]] | None = None
  class_pixels: Callable[..., np.ndarray] | None = None
  titles: Mapping[str, str] = dataclasses.field(default_factory=dict)
  legend: Callable[..., dict[str, tuple[int, int, int]]] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PicturesPart:
  """The fields of a `Task` for a person's own pictures (`--mode=apply`).

  Attributes:
    prepare: `(image, config) -> inputs`, turns a picture `[H, W, C]` into the
      model's input. Default: the picture itself. With `uses_mask` the picture
      is `[H, W, C + 1]`. The last channel is the mask: 1 in holes, 0 elsewhere.
    prepare_radius: the largest distance, in rows or columns, at which a pixel
      influences the result of `prepare`; 0 if `prepare` works pixel by pixel.
    finish: `(outputs, inputs, config) -> [..., H, W, 1 or 3]`, turns the
      model's output into a picture. Default: clip to [0, 1].
    keeps_colors: whether that picture has the colours of the input, so that a
      grey picture stays grey. False if `finish` makes the colours.
    palette: `(config) -> Palette`, if the answer is a class for each pixel.
      `finish` then returns labels, integers `[..., H, W, 1]`.
    uses_mask: whether a picture comes with a mask of its holes.
    applied: `(config) -> names` of the options that `prepare` and `finish` use,
      besides `data.classes`. Other options are refused, because they would have
      no effect. None if the names are not known: then no option is refused.
    notice: one line for the person, printed before the model is applied; empty
      prints nothing.
  """

  prepare: Callable[..., Array] = _unchanged
  prepare_radius: int = 0
  finish: Callable[..., Array] = clip_outputs
  keeps_colors: bool = True
  palette: Callable[..., palettes.Palette] | None = None
  uses_mask: bool = False
  applied: Callable[..., tuple[str, ...]] | None = None
  notice: str = ''

  @property
  def makes_colors(self) -> bool:
    """Whether the answer is colours that a grey picture does not have.

    Colours that stand for classes do not count.
    """
    return not self.keeps_colors and self.palette is None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Task(TrainingPart, EvaluationPart, PicturesPart):
  """The functions that define an experiment: pure and compatible with `jit`.

  Only `make_example`, `loss`, `metrics` and `picture` are required. All fields
  are attributes of the task itself; `TrainingPart`, `EvaluationPart` and
  `PicturesPart` describe them. `dataclasses.replace` makes a changed copy.

  Example:

    TASK = Task(
      make_example=make_example, loss=loss, metrics=metrics, picture=picture
    )
  """

  def summarise_counts(
    self, counts: dict[str, np.ndarray], config: Any
  ) -> tuple[dict[str, float], dict[str, Any]]:
    """Returns the numbers that `summarise` makes of `counts`, and the rest.

    Args:
      counts: summed over a data set, or those of one image.
      config: the experiment's configuration.

    Returns:
      `{metric: float}` in the task's order, the headline first; and the lists
      and dicts by name.

    Raises:
      ValueError: the task has no `summarise`.
    """
    if self.summarise is None:
      raise ValueError('This task has no summarise, which counts require.')
    values = self.summarise(counts, config)
    numbers = {
      name: float(value)
      for name, value in values.items()
      if not isinstance(value, list | tuple | dict)
    }
    return numbers, {k: v for k, v in values.items() if k not in numbers}
