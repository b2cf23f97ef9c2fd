"""The modes of `launch.py` that take a person's files and write others."""

from typing import Any

from autoencoder import codec
from autoencoder import errors
from autoencoder import inference
from autoencoder import models
from autoencoder.cli import request as request_lib
from autoencoder.runs import checkpoint as checkpoint_lib
from autoencoder.tasks import task as task_lib


def apply(request: request_lib.Request) -> int:
  """Runs a trained model over a person's pictures; returns the exit code."""
  _check_paths(request, 'apply')
  if request.mask is not None and not request.task.uses_mask:
    raise errors.UserError(
      f'--mask has no meaning for the run in {request.workdir}: its experiment '
      'takes no mask, as experiments/inpainting.py does.'
    )
  model = checkpoint_lib.load(request.workdir)
  if models.can(model, models.Compressor):
    raise errors.UserError(
      f'The run in {request.workdir} compresses: use --mode=compress, and '
      '--mode=decompress to get pictures back.'
    )
  config = request.config.for_evaluation()
  restore = inference.make_photo_restorer(
    model,
    request.task,
    config,
    tile=config.evaluation.tile,
    strength=1.0 if request.strength is None else request.strength,
  )
  if request.task.notice:
    print(request.task.notice)
  for option in request.task.applied(config) if request.task.applied else ():
    line = f'Told {option}={getattr(config, option)}'
    if option not in request.overrides:
      line += f' by default: give --config.{option} if it is another'
    print(f'{line}.')
  summary = inference.apply_files(
    restore,
    request.input,
    request.output,
    uses_mask=request.task.uses_mask,
    mask_path=request.mask,
    overwrite=request.overwrite,
    stretch=request.stretch,
    palette=request.task.palette and request.task.palette(config),
    seen=_seen(request.task, config),
  )
  return 1 if summary.failed else 0


def _seen(task: task_lib.Task, config: Any) -> dict[str, str]:
  """Returns what a model sees in pictures of the other kind, grey or RGB."""
  if task.makes_colors:  # Grey is what it is for.
    return {}
  if config.data.channels == 3:
    return {'grey': 'seen as three equal channels'}
  return {'RGB': 'seen as luma' if task.palette else 'channel by channel'}


def compress(request: request_lib.Request) -> int:
  """Makes `.cae` files of a person's pictures; returns the exit code."""
  _check_paths(request, 'compress')
  model = codec.load(request.workdir)
  quality = codec.check_quality(model, request.quality)
  print(
    f'Model {model.digest.hex()}, quality {quality} of 1 to '
    f'{model.code.qualities}'
  )
  summary = codec.compress_files(
    model,
    request.input,
    request.output,
    quality=quality,
    overwrite=request.overwrite,
  )
  return 1 if summary.failed else 0


def decompress(request: request_lib.Request) -> int:
  """Makes PNG files of `.cae` files; returns the exit code."""
  _check_paths(request, 'decompress')
  summary = codec.decompress_files(
    codec.load(request.workdir),
    request.input,
    request.output,
    overwrite=request.overwrite,
  )
  return 1 if summary.failed else 0


def _check_paths(request: request_lib.Request, mode: str) -> None:
  for flag in ('input', 'output'):
    if getattr(request, flag) is None:
      raise errors.UserError(f'--mode={mode} needs --{flag}=PATH.')
