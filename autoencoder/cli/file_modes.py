"""The modes of `launch.py` that read a person's files and write new ones."""

from typing import Any

from autoencoder import codec
from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder import inference
from autoencoder import models
from autoencoder.cli import request as request_lib
from autoencoder.runs import checkpoint as checkpoint_lib
from autoencoder.tasks import task as task_lib


def apply(request: request_lib.Request) -> int:
  """Runs a trained model on a person's pictures.

  Returns:
    The exit code, 1 if some pictures failed.

  Raises:
    UserError: a flag is missing or does not fit the run.
  """
  source, target = _check_paths(request, 'apply')
  if request.mask is not None and not request.task.uses_mask:
    raise errors.UserError(
      f'--mask has no meaning for the run in {request.workdir}: its task uses '
      'no mask. Inpainting does.'
    )
  model = checkpoint_lib.load(request.workdir)
  if models.can(model, models.Compressor):
    raise errors.UserError(
      f'The run in {request.workdir} is a compression model: use '
      '--mode=compress and --mode=decompress.'
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
    value = config_lib.get_field(config, option)
    if option in request.overrides:
      print(f'Using {option}={value}.')
    else:
      print(
        f'Assuming {option}={value}. For another value pass '
        f'--config.{option}=VALUE.'
      )
  summary = inference.apply_files(
    restore,
    source,
    target,
    uses_mask=request.task.uses_mask,
    mask_path=request.mask,
    overwrite=request.overwrite,
    stretch=request.stretch,
    palette=request.task.palette and request.task.palette(config),
    seen=_seen(request.task, config),
  )
  return 1 if summary.failed else 0


def _seen(task: task_lib.Task, config: Any) -> dict[str, str]:
  """Returns how a model sees grey pictures if it is for RGB, and vice versa."""
  if task.makes_colors:  # Both kinds are the usual input.
    return {}
  if config.data.channels == 3:
    return {'grey': 'seen as three equal channels'}
  return {'RGB': 'seen as luma' if task.palette else 'channel by channel'}


def compress(request: request_lib.Request) -> int:
  """Compresses a person's pictures to `.cae` files; returns the exit code."""
  source, target = _check_paths(request, 'compress')
  model = codec.load(request.workdir)
  quality = codec.check_quality(model, request.quality)
  print(
    f'Model {model.digest.hex()}, quality {quality} of 1 to '
    f'{model.code.qualities}'
  )
  summary = codec.compress_files(
    model,
    source,
    target,
    quality=quality,
    overwrite=request.overwrite,
  )
  return 1 if summary.failed else 0


def decompress(request: request_lib.Request) -> int:
  """Decompresses `.cae` files to PNG files; returns the exit code."""
  source, target = _check_paths(request, 'decompress')
  summary = codec.decompress_files(
    codec.load(request.workdir),
    source,
    target,
    overwrite=request.overwrite,
  )
  return 1 if summary.failed else 0


def _check_paths(request: request_lib.Request, mode: str) -> tuple[str, str]:
  """Returns `--input` and `--output`; raises `UserError` if one is missing."""
  if request.input is None:
    raise errors.UserError(f'--mode={mode} needs --input=PATH.')
  if request.output is None:
    raise errors.UserError(f'--mode={mode} needs --output=FOLDER.')
  return request.input, request.output
