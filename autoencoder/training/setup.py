"""From a configuration to a run that is ready to step."""

from collections.abc import Callable
import dataclasses
from typing import Any

from flax import nnx
import jax

from autoencoder import config as config_lib
from autoencoder import data
from autoencoder import errors
from autoencoder import models
from autoencoder.image import palettes
from autoencoder.tasks import task as task_lib
from autoencoder.training import data_notes
from autoencoder.training import held_out
from autoencoder.training import optimizer as optimizer_lib
from autoencoder.training import parallel
from autoencoder.training import resolve
from autoencoder.training import state as state_lib
from autoencoder.training import step as step_lib


@dataclasses.dataclass(frozen=True)
class Training:
  """A run that is ready to step.

  Attributes:
    config: every option, with those that depend on the data filled in.
    state: the initial state, laid out over the devices.
    batches: the training images; `batches.iterate(step)` yields batches.
    pool: the images that stay on the devices, or None if they are streamed.
    executor: the training step for these devices. Its first call compiles it.
    key: the random key of the run, on the devices. The step folds in its
      number.
    measure: maps a state to `{name: float32 scalar}`, the metrics of the
      averaged parameters on held-out crops.
    parameters: the number of trained values.
    notes: sentences about the data to print before training.
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
  """Opens the data, builds the model and makes the training step.

  The step is compiled at its first call.

  Args:
    config: every option; not changed.
    task: the experiment.

  Raises:
    UserError: the data cannot be opened, or the options do not fit it.
  """
  if jax.config.jax_enable_x64:  # type: ignore[attr-defined]  # Made at run time.
    raise errors.UserError(
      'Training computes with 32 bits: start without JAX_ENABLE_X64.'
    )
  options = config.data
  kind = {'channels': options.channels, 'labels': data.label_format(options)}
  source = _open(options, 'source', 'train', **kind)
  option = 'test_source' if options.test_source else 'source'
  test_source = _open(options, option, 'test', **kind)
  if kind['labels'] is not None:
    _check_not_void(source, options.source)
    _check_not_void(test_source, options.test_source or options.source)
  # Measuring fails at a wrong label. Fail now and not after hours of training.
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
  config = resolve.resolve_channels(config, task, batches.example_item())
  config, absent_classes = resolve.resolve_class_weights(config, batches)
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
  measure = held_out.make_measure(structure, task, config, test_source)
  return Training(
    config=config,
    state=executor.replicate(state),
    batches=batches,
    pool=executor.replicate(batches.pool),
    executor=executor,
    key=executor.replicate(jax.random.key(config.seed)),
    measure=measure,
    parameters=sum(leaf.size for leaf in jax.tree.leaves(state.params)),
    notes=(
      *data_notes.note_same_images(
        source, test_source, bool(options.test_source)
      ),
      *data_notes.note_no_colors(task, source, batches),
      *absent_classes,
    ),
  )


def _check_not_void(source: data.Source, name: str) -> None:
  """Raises `UserError` if all pixels of all labels are ignored."""
  for i in range(len(source)):
    try:
      label = source[i]['label']
    except data.UnreadableImage:
      continue  # Reading it for training reports it.
    if (label != palettes.IGNORE).any():
      return
  raise errors.UserError(
    f'All labels of {name} are void: no pixel has a class. Correct '
    '--config.data.classes or --config.data.ignore.'
  )


def _open(
  options: config_lib.DataConfig, option: str, split: str, **kind
) -> Any:
  """Opens the source that an option names; its errors name the option."""
  name = getattr(options, option)
  try:
    return data.open_source(name, split, **kind)
  except ValueError as error:
    # Keeps the class and the traceback of the error.
    error.args = (f'--config.data.{option}={name}: {error}',)
    raise
