"""A trained model as a function of photos: integers in, integers out."""

from collections.abc import Callable
import functools
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors
from autoencoder.inference import predictor
from autoencoder.inference import tiling
from autoencoder.models import protocol
from autoencoder.tasks import task as task_lib

# ITU-R BT.601, which `data.channels=1` uses to convert colour to grey as well.
_LUMA = (0.299, 0.587, 0.114)

OnTile = Callable[[int, int], None]


def make_photo_restorer(
  model: nnx.Module,
  task: task_lib.Task,
  config: Any,
  *,
  tile: int = 1024,
  strength: float = 1.0,
) -> Callable[..., np.ndarray]:
  """Returns `restore(pixels, on_tile=None) -> pixels` for photos of any size.

  The conversion to float, `task.prepare`, the model, `task.finish` and the
  rounding are one compiled program per tile, so no float image of full size
  exists. `finish` must work pixel by pixel. `prepare` must commute with shifts
  and reach at most `task.prepare_radius` pixels.

  A colour model sees a grey photo as three equal channels, and its output is
  averaged to grey if the task keeps colours. A grey model
  (`config.data.channels` is 1) restores each channel of a colour photo by
  itself. If the task uses a mask, it is the last channel of the pixels (the
  type's largest value in holes), and the model sees it with every image.

  If the task has a `palette`, the output is uint8 labels, whatever the photo's
  type. A grey model then sees the luma of a colour photo.

  Args:
    model: see `predictor.make_predictor`.
    task: gives `prepare` and `finish`.
    config: the experiment's configuration.
    tile: longest side computed at once, in pixels.
    strength: how much of the model's correction is added to the photo, 0 to
      1.5: 0 returns the photo, more than 1 exaggerates the correction. Other
      values than 1 are for models that correct a photo in place.

  Returns:
    `restore(pixels, on_tile=None)`. `pixels` is `[H, W, 1 or 3]` uint8 or
    uint16, with one more channel for a mask. The result is `[s * H, s * W, C]`
    of the same type, where s is the task's enlargement. `on_tile(done, total)`
    is called after each tile. `restore` raises `ValueError` for other arrays
    and `UserError` if the output is not finite.

  Example:

    restore = make_photo_restorer(model, TASK, config)
    restored = restore(images.read_image('photo.jpg').pixels)
  """
  _check_strength(strength, model, task)
  function = functools.partial(
    _restore_window, task=task, config=config, strength=strength
  )
  compiled = predictor.compile_with_model(model, function)

  plan = tiling.make_plan(model, tile, margin=task.prepare_radius)

  def restore_window(pixels: np.ndarray) -> np.ndarray:
    output, finite = compiled(pixels)
    if not finite:
      raise errors.UserError(
        'The output of the model is not finite: its weights are damaged, or '
        'its training diverged. Use another checkpoint, or train again.'
      )
    return np.asarray(output)

  def restore(pixels: np.ndarray, on_tile: OnTile | None = None) -> np.ndarray:
    _check_pixels(pixels, task.uses_mask)
    tiles = plan(*pixels.shape[:2])
    return tiling.assemble(restore_window, pixels, tiles, on_tile)

  return restore


def _restore_window(
  model: nnx.Module,
  pixels: jax.Array,
  *,
  task: task_lib.Task,
  config: Any,
  strength: float,
) -> tuple[jax.Array, jax.Array]:
  """Returns the restored pixels, and whether all outputs are finite."""
  top = jnp.iinfo(pixels.dtype).max
  image = pixels.astype(jnp.float32) / top
  if task.uses_mask:
    # Not `image[..., -1:]`: in a compiled program, 255 / 255 is not exactly 1.
    mask = (pixels[..., -1:] > 0).astype(jnp.float32)
    image = image[..., :-1]
  classes = task.palette is not None
  if classes and config.data.channels == 1 and image.shape[-1] == 3:
    image = image @ jnp.array(_LUMA)[:, None]
  height, width, channels = image.shape
  separate = config.data.channels == 1
  if separate:
    images = jnp.moveaxis(image, -1, 0)[..., None]
  else:
    images = jnp.broadcast_to(image, (height, width, 3))[None]
  if task.uses_mask:
    mask = jnp.broadcast_to(mask, (*images.shape[:3], 1))
    images = jnp.concatenate([images, mask], axis=-1)
  inputs = jax.vmap(lambda image: task.prepare(image, config))(images)
  outputs = model(inputs)
  output = task.finish(outputs, inputs, config)
  if classes:  # Labels are always finite; check the logits they come from.
    return output[0].astype(jnp.uint8), jnp.isfinite(outputs).all()
  output = output.astype(jnp.float32)
  if separate:
    if output.shape[-1] != 1:
      raise errors.UserError(
        'A grey model (config.data.channels = 1) must output 1 channel; '
        f'task.finish returns {output.shape[-1]}.'
      )
    output = jnp.moveaxis(output[..., 0], 0, -1)
  else:
    output = output[0]
    if channels == 1 and task.keeps_colors:
      output = output.mean(axis=-1, keepdims=True)
  finite = jnp.isfinite(output).all()
  if strength != 1:
    output = image + strength * (output - image)
  # Clip first: values out of range would wrap around in the integer type.
  output = jnp.round(jnp.clip(output, 0.0, 1.0) * top).astype(pixels.dtype)
  return output, finite


def _check_strength(
  strength: float, model: nnx.Module, task: task_lib.Task
) -> None:
  """Raises `UserError` for a strength out of range, or without a meaning."""
  if not 0 <= strength <= 1.5:
    raise errors.UserError(
      f'--strength={strength:g} is out of range: it takes 0 to 1.5.'
    )
  in_place = (
    task.keeps_colors
    and not task.uses_mask
    and task.palette is None
    and protocol.scale(model) == 1
  )
  if strength != 1 and not in_place:
    raise errors.UserError(
      f'--strength={strength:g} is for models that correct a picture in place, '
      'such as pretrained:denoising; this model returns another picture.'
    )


def _check_pixels(pixels: np.ndarray, uses_mask: bool) -> None:
  """Raises `ValueError` unless `pixels` is a photo, with its mask if needed."""
  if (
    pixels.ndim != 3
    or pixels.shape[-1] - uses_mask not in (1, 3)
    or pixels.dtype not in (np.uint8, np.uint16)
  ):
    channels = '2 or 4], its mask last' if uses_mask else '1 or 3]'
    raise ValueError(
      f'A photo is a uint8 or uint16 array [H, W, {channels}; got '
      f'{pixels.dtype} {list(pixels.shape)}.'
    )
