"""What tasks that give every pixel a class have in common.

The answer is logits `[N, H, W, K]`; the target labels, int32 `[N, H, W, 1]`,
255 where a pixel does not count. `config.data.classes` says what they mean, and
`config.loss` what is learned.
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

# How the error panel shows a pixel that is wrong, over the dimmed photo, and
# one that does not count.
WRONG, UNCOUNTED = (230, 60, 50), (215, 215, 215)

Key = dict[str, tuple[int, int, int]]


def palette(config: Any) -> palettes.Palette:
  """Returns the classes that `config.data.classes` names."""
  return palettes.find(config.data.classes)


def check(config: Any) -> None:
  """Raises `ValueError` for options that no segmentation can have."""
  segmentation_losses.check(config.loss)
  if not config.data.classes:
    raise errors.UserError(
      'Segmentation needs --config.data.classes: what the labels mean, as '
      'autoencoder/config.py says.'
    )
  classes = palette(config).classes
  if config.model.out_channels not in (0, classes):
    raise errors.UserError(
      f'model.out_channels={config.model.out_channels}, but data.classes='
      f'{config.data.classes} has {classes} classes: leave it at 0.'
    )
  if config.model.residual or config.model.scale != 1:
    raise errors.UserError(
      'Classes are neither a correction of the image nor larger than it: '
      'segmentation takes model.residual=False and model.scale=1.'
    )


def make_example(
  key: jax.Array, item: dict[str, jax.Array], config: Any
) -> task_lib.Example:
  """Returns the image, and its labels as the target."""
  del key, config
  return task_lib.Example(item['image'], item['label'][..., None])


def loss(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> jax.Array:
  """Returns `config.loss`, `[N]`, by `config.data.class_weights` if any."""
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
  """Returns the share of right pixels, `[N]`, to watch the training by."""
  del config
  truth = example.target[..., 0]
  counted = truth != palettes.IGNORE
  right = ((outputs.argmax(-1) == truth) & counted).sum((1, 2))
  return {'accuracy': right / jnp.maximum(counted.sum((1, 2)), 1)}


def count(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns `confusion`, `[N, K, K]` int32, rows true."""
  classes = palette(config).classes
  if outputs.shape[-1] != classes:
    raise errors.UserError(
      f'The model tells {outputs.shape[-1]} classes apart, and data.classes='
      f'{config.data.classes} has {classes}: measure it on the classes that it '
      'was trained for.'
    )
  confusion = segmentation_metrics.confusion_matrix(
    example.target[..., 0], outputs.argmax(-1), classes
  )
  return {'confusion': confusion}


def summarise(counts: dict[str, np.ndarray], config: Any) -> dict[str, Any]:
  """Returns the standard measures, and the rows of the confusion as shares.

  `confusion` is `{true class: {class: share}}`; classes that do not occur are
  left out of its rows.
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
  """Returns the likeliest class of each pixel, int32 `[N, H, W, 1]`."""
  del inputs, config
  return jnp.argmax(outputs, axis=-1, keepdims=True)


def picture(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns panels: photo, answer, answer over the photo, truth, errors."""
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
  """Returns what the colours of `picture` mean."""
  classes = palette(config)
  return dict(zip(classes.names, classes.colors)) | {
    'not counted': classes.void,
    'error: wrong': WRONG,
    'error: not counted': UNCOUNTED,
  }


def _unit(color: tuple[int, int, int]) -> jax.Array:
  """Returns a colour of 255 as `[1, 1, 1, 3]` in [0, 1]."""
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
  palette=palette,
  legend=legend,
)
