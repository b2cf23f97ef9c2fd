"""The holes of a person's picture: its transparency, or a second picture."""

import dataclasses
import pathlib

import numpy as np
from scipy import ndimage

from autoencoder import errors
from autoencoder.image import fill
from autoencoder.photos import images

# Pixels of a hole farther than this from all that is known get colours here:
# the model, which sees less far than `fill.REACH`, would leave them grey.
_FAR = fill.REACH * 3 // 4
# Side of the squares whose means those colours come from.
_BLOCK = 32


def list_masks(
  mask_path: pathlib.Path, source: pathlib.Path
) -> set[pathlib.Path]:
  """Returns the mask files that a person gave, resolved.

  Args:
    mask_path: a file or a folder.
    source: what the masks are for, which exists.

  Raises:
    ValueError: there is none, or it is the input itself or holds it.
  """
  if not mask_path.exists():
    raise errors.UserError(
      f'The mask {mask_path} does not exist{images.nearest_names(mask_path)}.'
    )
  if mask_path.samefile(source):
    raise errors.UserError(
      f'The mask {mask_path} is the input: give a picture that is white in '
      'the holes, or a folder of such, named like the inputs.'
    )
  if not mask_path.is_dir():
    return {mask_path.resolve()}
  if source.resolve().is_relative_to(mask_path.resolve()):
    raise errors.UserError(
      f'The folder of masks {mask_path} holds the input {source}, which would '
      'pass for a mask: keep them in folders of their own.'
    )
  return {path.resolve() for path in mask_path.rglob('*') if path.is_file()}


def locate(
  path: pathlib.Path, root: pathlib.Path, mask_path: pathlib.Path
) -> pathlib.Path:
  """Returns the file with the mask of the picture `path`.

  Args:
    path: a picture.
    root: the folder that `path` is named from.
    mask_path: a file, which is every picture's mask, or a folder with masks
      named like the pictures, `a/photo.png` or another format for
      `a/photo.jpg`.

  Raises:
    ValueError: the folder has none, or several that could be meant.
  """
  if not mask_path.is_dir():
    return mask_path
  exact = mask_path / path.relative_to(root)
  if exact.is_file():
    return exact
  found = []
  if exact.parent.is_dir():
    found = sorted(
      each
      for each in exact.parent.iterdir()
      if each.stem == path.stem and each.suffix.lower() in images.SUFFIXES
    )
  if not found:
    near = images.nearest_names(exact) or f', such as {exact.name}'
    raise errors.UserError(f'{path}: {exact.parent} has no mask for it{near}.')
  if len(found) > 1:
    names = ' and '.join(each.name for each in found)
    raise errors.UserError(
      f'{path}: {exact.parent} has several masks for it: {names}.'
    )
  return found[0]


def attach(
  photo: images.Photo, mask_path: pathlib.Path | None
) -> tuple[images.Photo, np.ndarray, float]:
  """Returns a photo's pixels with its mask as the last channel.

  Where the mask's brightest channel is half of white or more, or the opacity
  below half, there is a hole. Transparency that served as the mask is gone from
  the photo.

  NOTE: Of a hole too wide for any model, the middle is filled smoothly from
  what surrounds it and passes for known: see `_fill_far`.

  Args:
    photo: the picture.
    mask_path: its mask, white in the holes; None takes its transparency.

  Returns:
    The photo without what served as a mask; `[H, W, C + 1]` of its type, last
    0 or the type's largest value; and the share of pixels in holes.

  Raises:
    ValueError: no mask, one of another size, or one that marks nothing or
      leaves nothing.
  """
  height, width = photo.pixels.shape[:2]
  top = np.iinfo(photo.pixels.dtype).max
  if mask_path is not None:
    levels = _read_levels(mask_path)
    if levels.shape != (height, width):
      raise errors.UserError(
        f'its mask {mask_path} is {levels.shape[1]} x {levels.shape[0]} '
        f'pixels, the picture {width} x {height}; both must be of one size.'
      )
    holes = levels >= 0.5
  elif photo.alpha is not None:
    holes = photo.alpha < 0.5 * top
    photo = dataclasses.replace(photo, alpha=None)
  else:
    raise errors.UserError(
      'it has no transparency that says where the holes are: erase them, or '
      'give a picture that is white there, with --mask=FILE_OR_FOLDER.'
    )
  if holes.all():
    raise errors.UserError('every pixel is a hole: nothing is left to go by.')
  if not holes.any():
    raise errors.UserError(
      'no pixel of it is transparent: erase what is to be filled, or give a '
      'picture that is white there, with --mask=FILE_OR_FOLDER.'
      if mask_path is None
      else f'no pixel of its mask {mask_path} is white, so there is no hole.'
    )
  share = float(holes.mean())
  colors, holes = _fill_far(photo.pixels, holes)
  channel = np.where(holes, top, 0).astype(photo.pixels.dtype)
  return photo, np.concatenate([colors, channel[..., None]], axis=-1), share


def _fill_far(
  pixels: np.ndarray, holes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns pixels and holes without what is far from all that is known.

  `fill.fill_holes` of the means of blocks, which reaches as many times as far,
  is laid over it with bilinear interpolation; farther still, the mean of all
  that is known.

  Args:
    pixels: `[H, W, C]` of an integer type.
    holes: `[H, W]` bool; some are False.

  Returns:
    New arrays of the same shapes and types, or the same where nothing is far.
  """
  count = _sum_blocks(~holes[..., None])
  if count.all():  # What is far has whole blocks around it.
    return pixels, holes
  far = ndimage.distance_transform_cdt(holes, 'chessboard') > _FAR
  total = _sum_blocks(np.where(holes[..., None], 0, pixels))
  top = np.iinfo(pixels.dtype).max
  means = total / np.maximum(count, 1) / top
  # Beyond its reach `fill_holes` gives mid-grey, which stands for the mean.
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
  """Returns float64 sums over squares of `[H, W, C]`; the last are smaller."""
  for axis in (0, 1):
    starts = np.arange(0, array.shape[axis], _BLOCK)
    array = np.add.reduceat(array, starts, axis=axis, dtype=np.float64)
  return array


def _read_levels(path: pathlib.Path) -> np.ndarray:
  """Returns how white a picture is, `[H, W]` in [0, 1]; nothing is black."""
  mask = images.read_image(path)
  top = np.iinfo(mask.pixels.dtype).max
  levels = mask.pixels.max(axis=-1) / top
  return levels if mask.alpha is None else levels * (mask.alpha / top)
