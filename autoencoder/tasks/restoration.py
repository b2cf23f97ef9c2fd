"""Losses, metrics and panels of the tasks whose output is a picture.

The functions take `(outputs, example, config)`, as `Task` requires. Outputs and
targets are pictures in [0, 1], `[N, H, W, C]`.
"""

from collections.abc import Callable
from typing import Any

import jax

from autoencoder.image import losses
from autoencoder.image import metrics
from autoencoder.tasks import task as task_lib

# The training and test data of published tables, in the current folder. Pass
# `--config.data.source=folder:PATH` if they are elsewhere.
BSD = {
  'data.source': 'folder:BSD400',
  'data.test_source': 'folder:BSD68',
  'data.color_jitter': False,
}

LOSSES = {'l1': losses.l1, 'l2': losses.l2, 'rmse': losses.rmse}


def l1(outputs: jax.Array, example: task_lib.Example, config: Any) -> jax.Array:
  """Returns the mean absolute error `[N]`, weighted by `example.weight`."""
  del config
  return losses.l1(outputs, example.target, example.weight)


def loss(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> jax.Array:
  """Returns the loss `[N]` weighted by `example.weight`.

  `config.loss` is its name in `LOSSES`.
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
  """Returns `psnr_y`, `ssim_y`, `psnr_rgb` and `ssim_rgb`, `[N]` each.

  This is the protocol of published super-resolution tables: outputs are rounded
  to 8 bits, and `config.model.scale` pixels are cut off at each border. If
  `example.extra` is set, the target comes from a grey file and has three equal
  channels; that grey value then is Y (Set14's `bridge`). Grey targets have no
  RGB metrics.
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
  if example.target.shape[-1] == 1:
    return values
  return values | {
    'psnr_rgb': metrics.psnr(outputs, target),
    'ssim_rgb': metrics.ssim(outputs, target),
  }


def shown_input(example: task_lib.Example, config: Any) -> task_lib.Array:
  """Returns the picture in the model's input, at the size of the output.

  Further channels of the input, such as a mask or a noise level, are left out.
  If the model enlarges, each pixel is repeated `config.model.scale` times.
  """
  picture = example.inputs[..., : example.target.shape[-1]]
  return picture.repeat(config.model.scale, -3).repeat(config.model.scale, -2)


def before_and_after(
  outputs: jax.Array, example: task_lib.Example, config: Any
) -> dict[str, jax.Array]:
  """Returns the panels of a report: `input`, `output` and `target`."""
  return {
    'input': shown_input(example, config),
    'output': outputs,
    'target': example.target,
  }


def make_task(
  make_example: Callable[..., task_lib.Example], **options: Any
) -> task_lib.Task:
  """Returns a task whose output is a picture in the colours of its input.

  Args:
    make_example: see `Task`.
    **options: other fields of `Task`. By default, the loss is L1, the metrics
      are PSNR and SSIM, and the panels are input, output and target.

  Example:

    TASK = restoration.make_task(make_example)
  """
  defaults: dict[str, Any] = {
    'loss': l1,
    'metrics': psnr_and_ssim,
    'picture': before_and_after,
    'unprocessed': shown_input,
  }
  if not {'prepare', 'finish'} & options.keys():
    defaults['applied'] = lambda config: ()
  return task_lib.Task(make_example=make_example, **defaults | options)
