"""What tasks that give a picture back have in common.

Each is a function of `(outputs, example, config)`, as
`autoencoder.tasks.task.Task` takes them; the answer and the target are
pictures in [0, 1].
"""

from collections.abc import Callable
from typing import Any

import jax

from autoencoder.image import losses
from autoencoder.image import metrics
from autoencoder.tasks import task as task_lib

# What published tables train and measure on, looked for in the current folder;
# `--config.data.source=folder:PATH` says where else.
BSD = {
  'data.source': 'folder:BSD400',
  'data.test_source': 'folder:BSD68',
  'data.color_jitter': False,
}

LOSSES = {'l1': losses.l1, 'l2': losses.l2, 'rmse': losses.rmse}


def l1(outputs: jax.Array, example: task_lib.Example, config: Any) -> jax.Array:
  """Returns the mean absolute error `[N]`, each pixel by its weight."""
  del config
  return losses.l1(outputs, example.target, example.weight)


def loss(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> jax.Array:
  """Returns the loss `[N]` that `config.loss` names, each pixel by its weight.

  One of `LOSSES`.
  """
  return LOSSES[config.loss](outputs, example.target, example.weight)


def psnr_and_ssim(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns `psnr` in dB and `ssim`, `[N]` each, over the whole image."""
  del config
  return {
    'psnr': metrics.psnr(outputs, example.target),
    'ssim': metrics.ssim(outputs, example.target),
  }


def enlargement_metrics(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns `psnr_y`, `ssim_y`, and of RGB `psnr_rgb`, `ssim_rgb`; `[N]` each.

  As tables of super-resolution count, with outputs of 8 bits and without
  `config.model.scale` pixels along each side. With `example.extra` the target
  is a file of one channel in three: that channel is then its Y, as it is there
  (Set14's `bridge`).
  """
  target = example.target
  if example.extra is not None:
    outputs, target = outputs.mean(-1, keepdims=True), target[..., :1]
  outputs, target = (
    metrics.shave(images, config.model.scale)
    for images in (metrics.quantize(outputs), target)
  )
  values = {
    'psnr_y': metrics.psnr_y(outputs, target),
    'ssim_y': metrics.ssim_y(outputs, target),
  }
  if example.target.shape[-1] == 1:  # All there is.
    return values
  return values | {
    'psnr_rgb': metrics.psnr(outputs, target),
    'ssim_rgb': metrics.ssim(outputs, target),
  }


def shown_input(example: task_lib.Example, config: Any) -> task_lib.Array:
  """Returns the picture in the input, without channels that tell of it.

  A mask or a noise level comes after the channels of the picture. Where the
  model enlarges, the pixels of the input are drawn so many times as large.
  """
  picture = example.inputs[..., : example.target.shape[-1]]
  return picture.repeat(config.model.scale, -3).repeat(config.model.scale, -2)


def before_and_after(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns the panels of a report: the input, the answer, the target."""
  return {
    'input': shown_input(example, config),
    'output': outputs,
    'target': example.target,
  }


def make_task(
  make_example: Callable[..., task_lib.Example], **options: Any
) -> task_lib.Task:
  """Returns the task of getting a picture back from what became of it.

  Args:
    make_example: see `autoencoder.tasks.task.Task`.
    **options: whatever else of `Task` is to differ from L1 loss, PSNR and SSIM
      and the panels input, output and target.

  Example:

    TASK = restoration.make_task(make_example)
  """
  defaults = {
    'loss': l1,
    'metrics': psnr_and_ssim,
    'picture': before_and_after,
    'unprocessed': shown_input,
  }
  if not {'prepare', 'finish'} & options.keys():
    defaults['applied'] = lambda config: ()
  return task_lib.Task(make_example=make_example, **defaults | options)
