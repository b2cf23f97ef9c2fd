"""From a configuration to a run that is ready to step."""

from collections.abc import Callable
import dataclasses
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import config as config_lib
from autoencoder import data
from autoencoder import errors
from autoencoder import models
from autoencoder.image import palettes
from autoencoder.tasks import segmentation_metrics
from autoencoder.tasks import task as task_lib
from autoencoder.training import optimizer as optimizer_lib
from autoencoder.training import parallel
from autoencoder.training import state as state_lib
from autoencoder.training import step as step_lib

# Held-out crops measured during training, at the most: enough for a smooth
# curve, few enough to cost a percent of the run.
TEST_CROPS = 16

# Side of what is looked at of a photo to see whether it has colours, pixels.
_LOOK = 256


@dataclasses.dataclass(frozen=True)
class Training:
  """A run, ready to step.

  Attributes:
    config: every option, with the model's channel counts filled in.
    state: the initial state, laid out over the devices.
    batches: `autoencoder.data.Batches`.
    pool: the data that lives on the device, or None.
    executor: the compiled step, and how to feed it.
    key: the run's key, on the devices.
    measure: `state -> {metric: float32 scalar}` on held-out crops.
    parameters: number of trained values.
    notes: sentences on the data that the person should know.
  """

  config: config_lib.Config
  state: state_lib.TrainState
  batches: data.Batches
  pool: Any
  executor: parallel.Executor
  key: jax.Array
  measure: Callable[[state_lib.TrainState], dict[str, jax.Array]]
  parameters: int
  notes: tuple[str, ...] = ()


def set_up(config: config_lib.Config, task: task_lib.Task) -> Training:
  """Opens the data, builds the model and makes (not yet compiles) the step.

  Args:
    config: every option; not changed.
    task: the experiment.

  Raises:
    ValueError: data that cannot be opened, or options that do not fit it.
  """
  options = config.data
  kind = {'channels': options.channels, 'labels': data.label_format(options)}
  source = _open(options, 'source', 'train', **kind)
  option = 'test_source' if options.test_source else 'source'
  test_source = _open(options, option, 'test', **kind)
  # Measuring ends at a wrong label: better now than after hours of training.
  if kind['labels'] is not None and hasattr(test_source, 'check_labels'):
    test_source.check_labels()
  batches = data.Batches(
    source,
    batch_size=config.train.batch_size,
    crop=options.crop,
    augment=options.augment,
    color_jitter=options.color_jitter,
    scale_range=options.scale_range,
    tone_jitter=options.tone_jitter,
    seed=config.seed,
    resident_mib=options.resident_mib,
    workers=options.workers,
  )
  config = resolve_channels(config, task, batches.example_item())
  config, absent = resolve_class_weights(config, batches)
  model = models.draw(
    lambda rngs: task.build_model(config, rngs), rngs=nnx.Rngs(config.seed)
  )
  optimizer = optimizer_lib.make_optimizer(config.train)
  structure, state = state_lib.create_state(
    model, optimizer, ema=config.train.ema_decay > 0
  )

  def make_step(axis_name):
    return step_lib.make_train_step(
      structure, optimizer, task, config, batches.read, axis_name=axis_name
    )

  executor = parallel.make_executor(
    config.parallel, make_step, config.train.batch_size
  )
  count = min(TEST_CROPS, 4 * len(test_source))
  crops = data.center_crops(test_source, options.crop * 2, count)
  return Training(
    config=config,
    state=executor.replicate(state),
    batches=batches,
    pool=executor.replicate(batches.pool),
    executor=executor,
    key=executor.replicate(jax.random.key(config.seed)),
    measure=_make_measure(structure, task, config.for_evaluation(), crops),
    parameters=sum(leaf.size for leaf in jax.tree.leaves(state.params)),
    notes=(
      *_notes(source, test_source),
      *_colorless(task, source, batches),
      *absent,
    ),
  )


def _open(
  options: config_lib.DataConfig, option: str, split: str, **kind
) -> Any:
  """Opens the source that an option names; errors name the option."""
  name = getattr(options, option)
  try:
    return data.open_source(name, split, **kind)
  except ValueError as error:
    # Where it was raised tells a mistake of the person's from one of ours.
    error.args = (f'--config.data.{option}={name}: {error}',)
    raise


def _notes(source: Any, test_source: Any) -> tuple[str, ...]:
  """Returns a warning where a folder without splits serves as both."""
  root = getattr(source, 'root', None)
  if root is None or root != getattr(test_source, 'root', None):
    return ()
  return (
    f'{root} has no train and test subfolders: the held-out images are the '
    'training images, and the numbers say nothing about others. Give '
    '--config.data.test_source=folder:PATH.',
  )


def _colorless(
  task: task_lib.Task, source: Any, batches: data.Batches
) -> tuple[str, ...]:
  """Returns a warning where colours are to be learned from grey images."""
  if not task.makes_colors:
    return ()
  if batches.pool is not None:
    images, seen = batches.pool['image'], ''
  else:  # A few, as reading all of a large set would take its time.
    count = min(TEST_CROPS, len(source))
    images = data.center_crops(source, _LOOK, count)['image']
    seen = f' ({count} of {len(source):,} were looked at)'
  if (images != images[..., :1]).any():
    return ()
  return (
    f'The training images are grey{seen}: there is no colour to learn. Give '
    '--config.data.source=folder:PATH with colour images.',
  )


def resolve_channels(
  config: config_lib.Config, task: task_lib.Task, item: dict[str, Any]
) -> config_lib.Config:
  """Fills in channel counts left at 0 from what the task and its examples say.

  Args:
    config: every option; not changed.
    task: the experiment.
    item: one of the source's, for its `image` channels and its `label`.

  Returns:
    A copy with `model.in_channels` and `model.out_channels` set.

  Raises:
    ValueError: `model.scale` times the inputs' size is not the targets'.
  """
  side = (config.data.crop, config.data.crop)
  channels = item['image'].shape[-1:]
  shapes = {'image': jax.ShapeDtypeStruct(side + channels, jnp.float32)}
  if 'label' in item:
    shapes['label'] = jax.ShapeDtypeStruct(side, jnp.int32)
  example = jax.eval_shape(
    lambda key, item: task.make_example(key, item, config),
    jax.random.key(0),
    shapes,
  )
  enlarged = [config.model.scale * size for size in example.inputs.shape[:2]]
  if enlarged != list(example.target.shape[:2]):
    raise errors.UserError(
      f'model.scale={config.model.scale} makes {enlarged} pixels of inputs of '
      f'{list(example.inputs.shape[:2])}; the targets have '
      f'{list(example.target.shape[:2])}.'
    )
  out_channels = example.target.shape[-1]
  if task.out_channels is not None:
    out_channels = task.out_channels(config)
  model = dataclasses.replace(
    config.model,
    in_channels=config.model.in_channels or example.inputs.shape[-1],
    out_channels=config.model.out_channels or out_channels,
  )
  return dataclasses.replace(config, model=model)


def resolve_class_weights(
  config: config_lib.Config, batches: data.Batches
) -> tuple[config_lib.Config, list[str]]:
  """Fills in the weights that `data.balance` asks for, from training labels.

  Labels that need not be counted for it are looked at in any case, a few where
  the set is streamed, because a class that never occurs tells of a mistake.

  Args:
    config: every option; not changed. Weights it has already are kept: those
      of a run that continues are not counted again.
    batches: the training images.

  Returns:
    A copy with `data.class_weights` set if there is a balance, and sentences
    about classes that do not occur.
  """
  options = config.data
  if not options.classes:
    return config, []
  wanted = options.balance > 0 and not options.class_weights
  few = batches.pool is None and not wanted
  pixels, area = batches.count_classes(
    palettes.find(options.classes).classes, at_most=TEST_CROPS if few else None
  )
  if wanted:
    weights = segmentation_metrics.median_frequency_weights(pixels, area)
    weights = np.round(weights.astype(np.float64) ** options.balance, 6)
    options = dataclasses.replace(
      options, class_weights=tuple(weights.tolist())
    )
  which = 'training labels' + ' that were looked at' * few
  # A few labels need not show every class, but more than one.
  if few and np.count_nonzero(pixels) > 1:
    note = ''
  else:
    note = data.note_on_absent(pixels, config.data.classes, which)
  return dataclasses.replace(config, data=options), [note] * bool(note)


def _make_measure(structure, task, config, crops):
  """Returns a function that measures the averaged weights on `crops`.

  The examples are made once: the curve shows the model changing, not the
  noise.
  """
  count = len(crops['image'])
  items = crops | {
    'image': jnp.asarray(crops['image'], jnp.float32) / 255.0,
    'index': jnp.arange(count),
  }
  example = jax.jit(
    lambda items: step_lib.make_examples(task, config, items, jax.random.key(0))
  )(items)

  @jax.jit
  def measure(params, extra, example):
    model = structure.merge(params, extra)
    model.eval()  # Running statistics, and no dropout.
    outputs = task.forward(model, example, config)
    if task.counts is not None:
      counts = task.counts(outputs, example, config)
      return {name: value.sum(axis=0) for name, value in counts.items()}
    metrics = task.metrics(outputs, example, config)
    return {name: value.mean() for name, value in metrics.items()}

  def measure_state(state):
    values = measure(state.averaged, state.extra, example)
    if task.counts is not None:
      values, _ = task.summarise_counts(jax.device_get(values), config)
    return {f'test_{name}': value for name, value in values.items()}

  return measure_state
