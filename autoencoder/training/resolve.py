"""Fills in the options that depend on the data."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import config as config_lib
from autoencoder import data
from autoencoder import errors
from autoencoder.image import palettes
from autoencoder.tasks import segmentation_metrics
from autoencoder.tasks import task as task_lib
from autoencoder.training import data_notes


def resolve_channels(
  config: config_lib.Config, task: task_lib.Task, item: dict[str, Any]
) -> config_lib.Config:
  """Fills in channel counts that are 0 from the task and an example.

  Args:
    config: every option; not changed.
    task: the experiment.
    item: an item of the source, for the channels of its `image` and for its
      `label`.

  Returns:
    A copy with `model.in_channels` and `model.out_channels` set.

  Raises:
    UserError: the targets are not `model.scale` times as large as the inputs.
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
  """Fills in the class weights that `data.balance` asks for.

  They are computed from the training labels. Without a balance, labels are
  still checked for classes that never occur, because such a class is often a
  mistake; of a streamed set, this check reads only a few labels.

  Args:
    config: every option; not changed. Weights that are set already are kept: a
      run that continues does not count its labels again.
    batches: the training images.

  Returns:
    A copy with `data.class_weights` set if there is a balance; and notes about
    classes that do not occur.
  """
  options = config.data
  if not options.classes:
    return config, []
  wanted = options.balance > 0 and not options.class_weights
  few = batches.pool is None and not wanted
  pixels, area = batches.count_classes(
    palettes.find(options.classes).classes,
    at_most=data_notes.SAMPLES if few else None,
  )
  if wanted:
    weights = segmentation_metrics.median_frequency_weights(pixels, area)
    weights = np.round(weights.astype(np.float64) ** options.balance, 6)
    options = dataclasses.replace(
      options, class_weights=tuple(weights.tolist())
    )
  which = 'training labels' + ' that were looked at' * few
  # A few labels need not show every class, but they should show several.
  if few and np.count_nonzero(pixels) > 1:
    note = ''
  else:
    note = data.note_on_absent(pixels, config.data.classes, which)
  return dataclasses.replace(config, data=options), [note] * bool(note)
