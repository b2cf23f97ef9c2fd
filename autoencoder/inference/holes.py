"""The holes of a picture to inpaint: its transparency, or a second picture."""

import dataclasses
import pathlib

import numpy as np
from scipy import ndimage

from autoencoder import errors
from autoencoder.image import fill
from autoencoder.photos import images
from autoencoder.photos import regular

# Hole pixels farther than this from all known pixels are filled here. The model
# does not see as far as `fill.REACH` and would leave them grey.
_FAR = fill.REACH * 3 // 4
# Side of the blocks whose mean colours are used for that, in pixels.
_BLOCK = 32


def list_masks(
  mask_path: pathlib.Path, source: pathlib.Path
) -> set[pathlib.Path]:
  """Returns the resolved paths of the mask files that the user gave.

  Args:
    mask_path: a file or a folder.
    source: the picture or folder that the masks are for. It exists.

  Raises:
    UserError: `mask_path` does not exist, is the input, or contains it.
  """
  if not mask_path.exists():
    raise errors.UserError(
      f'The mask {mask_path} does not exist{images.nearest_names(mask_path)}.'
    )
  if mask_path.samefile(source):
    raise errors.UserError(
      f'The mask {mask_path} is the input: give a picture that is white in '
      'the holes, or a folder of such pictures, named like the inputs.'
    )
  if not mask_path.is_dir():
    return {mask_path.resolve()}
  if source.resolve().is_relative_to(mask_path.resolve()):
    raise errors.UserError(
      f'The folder of masks {mask_path} contains the input {source}, which '
      'would be taken for a mask: keep masks and inputs in separate folders.'
    )
  return {path.resolve() for path in mask_path.rglob('*') if path.is_file()}


def locate(
  path: pathlib.Path, root: pathlib.Path, mask_path: pathlib.Path
) -> pathlib.Path:
  """Returns the mask file of a picture.

  Args:
    path: the picture.
    root: the input folder; names of masks are relative to it.
    mask_path: a file, which is the mask of every picture, or a folder with
      masks named like the pictures: `a/photo.png` (or another format) for
      `a/photo.jpg`.

  Raises:
    UserError: the folder has no mask for the picture, or several.
  """
  if not mask_path.is_dir():
    if regular.is_special(mask_path):
      raise errors.UserError(
        f'{path}: its mask {mask_path} is a pipe, a socket or a device; give '
        'a file or a folder.'
      )
    return mask_path
  exact = mask_path / path.relative_to(root)
  if exact.is_file():
    return exact
  found = []
  if exact.parent.is_dir():
    found = sorted(
      each
      for each in exact.parent.iterdir()
      if each.stem == path.stem
      and not regular.is_special(each)
      and each.suffix.lower() in images.SUFFIXES
    )
  if not found:
    near = images.nearest_names(exact) or f', such as {exact.name}'
    raise errors.UserError(f'{path}: {exact.parent} has no mask for it{near}.')
  if len(found) > 1:
    names = ' and '.join(each.name for each in found)
    raise errors.UserError(
      f'{path}: {exact.parent} has several masks for it: {names}. Keep one.'
    )
  return found[0]


def attach(
  photo: images.Photo, mask_path: pathlib.Path | None
) -> tuple[images.Photo, np.ndarray, float]:
  """Returns a photo's pixels with its mask as the last channel.

  A pixel is in a hole where the mask's brightest channel is at least half of
  white, or where the opacity is below half. Transparency that serves as the
  mask is removed from the photo.

  NOTE: The middle of a hole that is too wide for any model is filled smoothly
  from its surroundings and marked as known: see `_fill_far`.

  Args:
    photo: the picture.
    mask_path: its mask, white in the holes. None takes its transparency.

  Returns:
    The photo, without transparency that served as the mask; `[H, W, C + 1]` of
    the photo's type, with 0 (known) or the type's largest value (hole) in the
    last channel; and the fraction of pixels in holes.

  Raises:
    UserError: there is no mask, it has another size, or it marks no pixel or
      every pixel.
  """
  height, width = photo.pixels.shape[:2]
  top = np.iinfo(photo.pixels.dtype).max
  if mask_path is not None:
    levels = _read_levels(mask_path)
    if levels.shape != (height, width):
      raise errors.UserError(
        f'its mask {mask_path} is {levels.shape[1]} x {levels.shape[0]} '
        f'pixels, the picture {width} x {height}; they must have the same size.'
      )
    holes = levels >= 0.5
  elif photo.alpha is not None:
    holes = photo.alpha < 0.5 * top
    photo = dataclasses.replace(photo, alpha=None)
  else:
    raise errors.UserError(
      'it has no transparency to mark holes: erase the region to fill, or give '
      'a picture that is white there, with --mask=FILE_OR_FOLDER.'
    )
  if holes.all():
    raise errors.UserError('every pixel is a hole: leave some pixels known.')
  if not holes.any():
    raise errors.UserError(
      'no pixel of it is transparent: erase the region to fill, or give a '
      'picture that is white there, with --mask=FILE_OR_FOLDER.'
      if mask_path is None
      else f'no pixel of its mask {mask_path} is white: paint the holes white.'
    )
  share = float(holes.mean())
  colors, holes = _fill_far(photo.pixels, holes)
  channel = np.where(holes, top, 0).astype(photo.pixels.dtype)
  return photo, np.concatenate([colors, channel[..., None]], axis=-1), share


def _fill_far(
  pixels: np.ndarray, holes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns pixels and holes with the far middle of the holes filled.

  Each far pixel gets a colour from a coarse image, by bilinear interpolation.
  The coarse image holds the mean of each block of pixels, and `fill.fill_holes`
  fills its holes, which reaches `_BLOCK` times as far as on pixels. Beyond that
  it is the mean of all known pixels.

  Args:
    pixels: `[H, W, C]` of an integer type.
    holes: `[H, W]` bool; some are False.

  Returns:
    New arrays of the same shapes and types, or the given ones if no pixel is
    far.
  """
  count = _sum_blocks(~holes[..., None])
  if count.all():  # Around a far pixel there are blocks without known pixels.
    return pixels, holes
  far = ndimage.distance_transform_cdt(holes, 'chessboard') > _FAR
  total = _sum_blocks(np.where(holes[..., None], 0, pixels))
  top = np.iinfo(pixels.dtype).max
  means = total / np.maximum(count, 1) / top
  # Beyond its reach `fill_holes` gives 0.5. Shift the mean there and back.
  shift = 0.5 - total.sum((0, 1)) / count.sum() / top
  coarse = shift + means
  coarse = fill.fill_holes(
    coarse.astype(np.float32), (count == 0).astype(np.float32)
  )
  coarse = np.clip(np.asarray(coarse) - shift, 0.0, 1.0)
  rows, columns = np.nonzero(far)
  places = (np.stack([rows, columns]) + 0.5) / _BLOCK - 0.5
  filled = pixels.copy()
  for channel in range(pixels.shape[-1]):
    values = ndimage.map_coordinates(
      coarse[..., channel], places, order=1, mode='nearest'
    )
    filled[rows, columns, channel] = np.round(values * top)
  return filled, holes & ~far


def _sum_blocks(array: np.ndarray) -> np.ndarray:
  """Returns the sum over each block of `[H, W, C]`, in float64."""
  for axis in (0, 1):
    starts = np.arange(0, array.shape[axis], _BLOCK)
    array = np.add.reduceat(array, starts, axis=axis, dtype=np.float64)
  return array


def _read_levels(path: pathlib.Path) -> np.ndarray:
  """Returns the whiteness of a picture, `[H, W]`: 0 to 1, transparent is 0."""
  mask = images.read_image(path)
  top = np.iinfo(mask.pixels.dtype).max
  levels = mask.pixels.max(axis=-1) / top
  return levels if mask.alpha is None else levels * (mask.alpha / top)
