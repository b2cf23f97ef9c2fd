"""Semantic segmentation: a task whose output is a class for each pixel.

Outputs are logits `[N, H, W, K]`. Targets are labels, int32 `[N, H, W, 1]`,
with 255 for pixels that do not count. `config.data.classes` names the classes,
and `config.loss` the loss.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors
from autoencoder.image import palettes
from autoencoder.tasks import segmentation_losses
from autoencoder.tasks import segmentation_metrics
from autoencoder.tasks import task as task_lib

# Colours of the error panel, over the dimmed photo: a wrong pixel, and a pixel
# that does not count.
WRONG, UNCOUNTED = (230, 60, 50), (215, 215, 215)

Key = dict[str, tuple[int, int, int]]


def palette(config: Any) -> palettes.Palette:
  """Returns the names and colours of the classes `config.data.classes`."""
  return palettes.find(config.data.classes)


def check(config: Any) -> None:
  """Raises `UserError` for options that do not fit segmentation."""
  segmentation_losses.check(config.loss)
  if not config.data.classes:
    raise errors.UserError(
      'Segmentation needs --config.data.classes, the meaning of the labels; '
      'see autoencoder/config/data.py.'
    )
  classes = palette(config).classes
  if config.model.out_channels not in (0, classes):
    raise errors.UserError(
      f'model.out_channels={config.model.out_channels}, but data.classes='
      f'{config.data.classes} has {classes} classes: leave it at 0.'
    )
  if config.model.residual or config.model.scale != 1:
    raise errors.UserError(
      'Segmentation takes model.residual=False and model.scale=1, because '
      'classes are neither a correction of the image nor larger than it; got '
      f'model.residual={config.model.residual} and '
      f'model.scale={config.model.scale}.'
    )


def make_example(
  key: jax.Array, item: dict[str, jax.Array], config: Any
) -> task_lib.Example:
  """Returns the image as input and its labels as target."""
  del key, config
  return task_lib.Example(item['image'], item['label'][..., None])


def loss(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> jax.Array:
  """Returns the loss `config.loss`, `[N]`.

  `config.data.class_weights` weights the classes, unless it is empty.
  """
  weights = config.data.class_weights
  return segmentation_losses.total(
    config.loss,
    outputs,
    example.target[..., 0],
    np.array(weights, np.float32) if weights else None,
  )


def accuracy(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns `accuracy`, the share of correct pixels, `[N]`, for the logs."""
  del config
  truth = example.target[..., 0]
  counted = truth != palettes.IGNORE
  right = ((outputs.argmax(-1) == truth) & counted).sum((1, 2))
  return {'accuracy': right / jnp.maximum(counted.sum((1, 2)), 1)}


def count(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns `confusion`, `[N, K, K]` int32, one row for each true class.

  Raises:
    UserError: the model has another number of classes than the data.
  """
  classes = palette(config).classes
  if outputs.shape[-1] != classes:
    raise errors.UserError(
      f'The model has {outputs.shape[-1]} classes, but data.classes='
      f'{config.data.classes} has {classes}: evaluate the model on the classes '
      'that it was trained for.'
    )
  confusion = segmentation_metrics.confusion_matrix(
    example.target[..., 0], outputs.argmax(-1), classes
  )
  return {'confusion': confusion}


def summarise(counts: dict[str, np.ndarray], config: Any) -> dict[str, Any]:
  """Returns the standard measures, and the confusion matrix as shares.

  `confusion` is `{true class: {predicted class: share}}`. Classes that do not
  occur have no row.
  """
  confusion, names = counts['confusion'], palette(config).names
  shares = {
    name: dict(zip(names, (row / row.sum()).tolist()))
    for name, row in zip(names, confusion)
    if row.any()
  }
  measures = segmentation_metrics.summarise(confusion, names)
  return measures | {'confusion': shares}


def labels(outputs: jax.Array, inputs: jax.Array, config: Any) -> jax.Array:
  """Returns the most probable class of each pixel, int32 `[N, H, W, 1]`."""
  del inputs, config
  return jnp.argmax(outputs, axis=-1, keepdims=True)


def picture(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns the panels `input`, `output`, `overlay`, `target` and `error`."""
  truth, guess = example.target[..., 0], outputs.argmax(-1)
  photo = jnp.broadcast_to(example.inputs, (*truth.shape, 3))

  def color(labels):
    return palettes.colorize(labels, palette(config)).astype(jnp.float32) / 255

  wrong = (guess != truth)[..., None]
  uncounted = (truth == palettes.IGNORE)[..., None]
  dimmed = photo.mean(-1, keepdims=True) * 0.5
  error = jnp.where(wrong, _unit(WRONG), dimmed)
  return {
    'input': photo,
    'output': color(guess),
    'overlay': (photo + color(guess)) / 2,
    'target': color(truth),
    'error': jnp.where(uncounted, _unit(UNCOUNTED), error),
  }


def legend(config: Any) -> Key:
  """Returns the meaning of the colours in `picture`."""
  classes = palette(config)
  return dict(zip(classes.names, classes.colors)) | {
    'not counted': classes.void,
    'error: wrong': WRONG,
    'error: not counted': UNCOUNTED,
  }


def _unit(color: tuple[int, int, int]) -> jax.Array:
  """Returns a colour in 0..255 as `[1, 1, 1, 3]` in [0, 1]."""
  return jnp.array(color, jnp.float32).reshape(1, 1, 1, 3) / 255


TASK = task_lib.Task(
  make_example=make_example,
  loss=loss,
  metrics=accuracy,
  picture=picture,
  unprocessed=None,
  finish=labels,
  applied=lambda config: (),
  keeps_colors=False,
  out_channels=lambda config: palette(config).classes,
  counts=count,
  summarise=summarise,
  class_pixels=lambda counts: counts['confusion'].sum(axis=1),
  titles={
    'per_class': 'IoU of each class',
    'confusion': 'Confusion matrix',
  },
  palette=palette,
  legend=legend,
)
