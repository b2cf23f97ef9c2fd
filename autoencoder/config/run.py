"""Every option of a run, typed, with its unit and its reason.

An experiment file returns one `Config` (or its own subclass with a few fields
more); dotted flags override single fields: `--config.model.widths=32,64`.
Overrides arrive after construction, so nothing here is derived in
`__post_init__`; `validate` is called once everything is set.
"""

import dataclasses
from typing import Any

from autoencoder.config import option_types

UPSAMPLINGS = (
  'transposed', 'transposed_plain', 'nearest', 'bilinear', 'subpixel',
  'subpixel_plain', 'unpool',
)  # fmt: skip
STEMS = (1, 2, 4)  # Strides.
DTYPES = ('float32', 'bfloat16')
AUGMENTATIONS = ('none', 'flip', 'dihedral')
EXECUTORS = ('jit', 'pmap')


@dataclasses.dataclass
class ModelConfig:
  """Architecture of `autoencoder.models.Autoencoder`."""

  # Channels of the input and of the output; 0 takes what the task's examples
  # have, such as 3 for colour in and 3 for colour out.
  in_channels: int = 0
  out_channels: int = 0
  # Feature channels per scale, finest first; from one to the next, H and W
  # halve.
  widths: tuple[int, ...] = (32, 48, 64, 64)
  # 1 keeps the first scale at full resolution: a denoiser then learns fine
  # detail several times faster. 2 starts at half, for a quarter of the cost, 4
  # at a quarter, enough for classes of pixels.
  stem_stride: int = 1
  # Output pixels per input pixel, along each axis: above 1 the model enlarges.
  scale: int = 1
  # Residual blocks per scale, in the encoder and again in the decoder.
  blocks: int = 1
  # Channels of the bottleneck, which has the size of the coarsest scale.
  latent_channels: int = 64
  # Adds each encoder scale to the decoder's. Without them everything passes
  # through the bottleneck, as compression and latent studies need.
  skips: bool = True
  # Adds the input to the output, so that the network learns the correction.
  residual: bool = True
  # How the decoder doubles H and W: 'transposed' convolution, 'nearest' or
  # 'bilinear' resizing and a convolution, 'subpixel' convolution, or 'unpool':
  # maxima back to where the encoder, which then pools, found them. The first
  # and 'subpixel' start without a checkerboard, '..._plain' of them with one.
  upsampling: str = 'transposed'
  # Side of the strided and of the transposed kernels. 2 is the fastest,
  # and 4 denoises no better (benchmarks/denoising_ablations.py).
  kernel: int = 2
  # Compute type: 'float32' or 'bfloat16'; parameters are float32 in both.
  dtype: str = 'float32'


@dataclasses.dataclass
class DataConfig:
  """Where the images come from and how they become batches."""

  # 'sample_photos', 'scenes' (digits on them, labelled), 'folder:PATH', or a
  # TFDS name such as 'cifar10'.
  source: str = 'sample_photos'
  # What held-out images come from, in the same notation; '' is `source`.
  test_source: str = ''
  # 1 converts every image to grey, 3 to colour.
  channels: int = 3
  # Side of the square training crops, pixels.
  crop: int = 64
  # 'none', 'flip' (left-right) or 'dihedral' (flips and quarter turns).
  augment: str = 'dihedral'
  # Swaps colour channels, changes contrast and brightness of training crops:
  # few photos stand for many. Not for tasks whose answer is a colour.
  color_jitter: bool = True
  # Two factors, such as 0.5,2: training crops are enlarged by one between them
  # (and at least to the size of the crop); none keeps the scale.
  scale_range: tuple[float, ...] = ()
  # Largest relative change of brightness, contrast and saturation, such as 0.3.
  tone_jitter: float = 0.0
  # Sets up to this size, MiB as uint8, live on the device; larger ones stream.
  resident_mib: int = 512
  # What labels mean: 'scenes', 'camvid', 'voc', 'pet', a number of classes, or
  # names in order, with or without colours: 'sky=#808080,void=#000000'.
  classes: str = ''
  # The value in label files that, besides 255, marks pixels that do not count.
  ignore: int = 255
  # Power of median frequency / frequency by which rare classes count for more
  # in the loss: 0 is not at all, 1 as SegNet does, 0.5 the square root.
  balance: float = 0.0
  # How much a pixel of each class counts; none takes what `balance` gives.
  class_weights: tuple[float, ...] = ()
  # Host threads that read and decode a streamed set.
  workers: int = 4


@dataclasses.dataclass
class TrainConfig:
  """Optimisation, logging and checkpoints."""

  # Updates in the whole run; raise it to continue a finished run.
  steps: int = 2200
  # Images an update, over all devices.
  batch_size: int = 8
  # Peak of Muon's cosine schedule, after the warm-up: kernels are trained by
  # it. 0 takes AdamW for kernels too.
  muon_learning_rate: float = 1e-2
  # The same for Adam, which trains the biases.
  learning_rate: float = 2e-3
  # Updates of linear warm-up.
  warmup_steps: int = 100
  # Where the cosine ends, as a share of the peak: 1 keeps the rate.
  final_rate: float = 0.0
  # Batches that one update averages in the last quarter of the steps, a large
  # batch when gradients are small beside their noise; 1 is none.
  late_batches: int = 1
  # Decoupled weight decay, on kernels only. Muon's steps are as long whatever
  # the kernel is: without decay kernels grow, and learn less of each.
  weight_decay: float = 0.1
  # Largest global norm of the gradient; larger ones are scaled down to it.
  # Twice the usual norm here: one bad batch cost 200 steps without it.
  clip_norm: float = 0.2
  # Decay of the averaged weights used for everything but training; 0 is off.
  ema_decay: float = 0.999
  # Updates between two lines of metrics.
  log_every: int = 50
  # Updates between two measurements on held-out crops; 0 is never.
  evaluate_every: int = 250
  # Updates between two checkpoints.
  checkpoint_every: int = 500
  # Newest checkpoints kept.
  keep: int = 3


@dataclasses.dataclass
class EvaluationConfig:
  """Measuring and showing the trained model."""

  # Images measured at the most, in the source's order; 0 is all of them.
  max_images: int = 0
  # Held-out images shown in the report.
  report_images: int = 6
  # Measures the middle square of this side, pixels; 0 is the whole image.
  center_crop: int = 0
  # Larger images go through overlapping tiles of this side, pixels, or of four
  # times the receptive radius where that is more.
  tile: int = 1024
  # Measures the mean of the model's answers to an image's eight flips and
  # quarter turns: eight times the work, and tables keep the result apart.
  self_ensemble: bool = False


@dataclasses.dataclass
class Config:
  """A run. Experiments subclass it to add the options of their task."""

  # Seeds initialisation, data order and corruption.
  seed: int = 0
  # 'jit' (one program over a device mesh) or 'pmap' (one per device).
  parallel: str = 'jit'
  model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
  data: DataConfig = dataclasses.field(default_factory=DataConfig)
  train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
  evaluation: EvaluationConfig = dataclasses.field(
    default_factory=EvaluationConfig
  )

  def for_evaluation(self) -> 'Config':
    """Returns the config to measure under, for tasks that draw at training
    what a measurement holds fixed (a range of noise levels, say).
    """
    return self

  def validate(self) -> None:
    """Raises `ValueError` naming the first field with an impossible value."""
    option_types.check(self)
    model, data = self.model, self.data
    option_types.one_of('parallel', self.parallel, EXECUTORS)
    option_types.one_of('model.upsampling', model.upsampling, UPSAMPLINGS)
    option_types.one_of('model.stem_stride', model.stem_stride, STEMS)
    option_types.one_of('model.dtype', model.dtype, DTYPES)
    option_types.one_of('data.augment', data.augment, AUGMENTATIONS)
    option_types.one_of('data.channels', data.channels, (1, 3))
    low, high = data.scale_range if len(data.scale_range) == 2 else (1, -1)
    if data.scale_range and not 0 < low <= high < float('inf'):
      raise ValueError(
        'data.scale_range takes two factors above 0 in order, such as 0.5,2; '
        f'got {data.scale_range}.'
      )
    if data.classes:
      from autoencoder.image import palettes  # Imports JAX, as a flag need not.

      palettes.find(data.classes).check_weights(data.class_weights)
    elif data.balance or data.class_weights:
      raise ValueError(
        'data.balance and data.class_weights need data.classes, the classes.'
      )
    if not model.widths or min(model.widths) < 1:
      raise ValueError(
        'model.widths takes one positive channel count per scale, such as '
        f'32,64,128; got {model.widths}.'
      )
    for name, least in {
      'seed': 0,
      'model.in_channels': 0,
      'model.out_channels': 0,
      'model.scale': 1,
      'model.blocks': 0,
      'model.latent_channels': 1,
      'model.kernel': 2,
      'data.crop': 1,
      'data.resident_mib': 0,
      'data.ignore': 0,
      'data.balance': 0,
      'data.workers': 0,
      'train.steps': 1,
      'train.batch_size': 1,
      'train.warmup_steps': 0,
      'train.final_rate': 0,
      'train.late_batches': 1,
      'train.muon_learning_rate': 0,
      'train.weight_decay': 0,
      'train.log_every': 1,
      'train.evaluate_every': 0,
      'train.checkpoint_every': 1,
      'train.keep': 1,
      'evaluation.max_images': 0,
      'evaluation.center_crop': 0,
      'evaluation.report_images': 0,
      'evaluation.tile': 64,
    }.items():
      value = get_field(self, name)
      if not least <= value < float('inf'):  # NaN too.
        finite = ' and finite' if isinstance(value, float) else ''
        raise ValueError(
          f'{name} must be at least {least}{finite}; got {value}.'
        )
    for name in ('train.learning_rate', 'train.clip_norm'):
      value = get_field(self, name)
      if not 0 < value < float('inf'):
        raise ValueError(f'{name} must be above 0 and finite; got {value}.')
    for name in ('data.tone_jitter', 'train.ema_decay'):
      value = get_field(self, name)
      if not 0 <= value < 1:
        raise ValueError(f'{name} must be in [0, 1); got {value}.')


def get_field(config: Any, path: str) -> Any:
  """Returns the field at a dotted `path`: `get_field(c, 'train.steps')`."""
  for name in path.split('.'):
    config = getattr(config, name)
  return config


def set_field(config: Any, path: str, value: Any) -> None:
  """Sets the field at a dotted `path`; `AttributeError` where there is none."""
  *parents, name = path.split('.')
  for parent in parents:
    config = getattr(config, parent)
  getattr(config, name)
  setattr(config, name, value)


def variant(config: Any, name: str, variants: dict[str, dict[str, Any]]) -> Any:
  """Returns `config` with the fields of a named variant set.

  Args:
    config: the default; changed in place.
    name: what followed `:` in `--config`; '' is the default itself.
    variants: `{name: {dotted field: value}}`.

  Raises:
    ValueError: unknown `name`; the message lists the known ones.
  """
  if name and name not in variants:
    known = ', '.join(f':{known}' for known in variants)
    raise ValueError(f'This experiment has no variant :{name}, only {known}.')
  for path, value in variants.get(name, {}).items():
    set_field(config, path, value)
  return config


def flatten(config: Any, prefix: str = '') -> dict[str, Any]:
  """Returns `{dotted path: value}` for every leaf of nested dataclasses."""
  leaves = {}
  for field in dataclasses.fields(config):
    value = getattr(config, field.name)
    if dataclasses.is_dataclass(value):
      leaves |= flatten(value, f'{prefix}{field.name}.')
    else:
      leaves[prefix + field.name] = value
  return leaves
