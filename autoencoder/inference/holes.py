"""The holes of a person's picture: its transparency, or a second picture."""

import dataclasses
import pathlib

import numpy as np

from autoencoder.inference import images


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
    raise ValueError(
      f'The mask {mask_path} does not exist{images.nearest_names(mask_path)}.'
    )
  if mask_path.samefile(source):
    raise ValueError(
      f'The mask {mask_path} is the input: give a picture that is white in '
      'the holes, or a folder of such, named like the inputs.'
    )
  if not mask_path.is_dir():
    return {mask_path.resolve()}
  if source.resolve().is_relative_to(mask_path.resolve()):
    raise ValueError(
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
    raise ValueError(f'{path}: {exact.parent} has no mask for it{near}.')
  if len(found) > 1:
    names = ' and '.join(each.name for each in found)
    raise ValueError(
      f'{path}: {exact.parent} has several masks for it: {names}.'
    )
  return found[0]


def attach(
  photo: images.Photo, mask_path: pathlib.Path | None
) -> tuple[images.Photo, np.ndarray, float]:
  """Returns a photo's pixels with its mask as the last channel.

  Where the mask is half white or more, or the opacity below half, there is a
  hole. Transparency that served as the mask is gone from the photo.

  Args:
    photo: the picture.
    mask_path: its mask, white in the holes; None takes its transparency.

  Returns:
    The photo without what served as a mask; `[H, W, C + 1]` of its type, last
    0 or the type's largest value; and the share of pixels in holes.

  Raises:
    ValueError: no mask, one of another size, or one that leaves nothing.
  """
  height, width = photo.pixels.shape[:2]
  top = np.iinfo(photo.pixels.dtype).max
  if mask_path is not None:
    levels = _read_levels(mask_path)
    if levels.shape != (height, width):
      raise ValueError(
        f'its mask {mask_path} is {levels.shape[1]} x {levels.shape[0]} '
        f'pixels, the picture {width} x {height}; both must be of one size.'
      )
    holes = levels >= 0.5
  elif photo.alpha is not None:
    holes = photo.alpha < 0.5 * top
    photo = dataclasses.replace(photo, alpha=None)
  else:
    raise ValueError(
      'it has no transparency that says where the holes are: erase them, or '
      'give a picture that is white there, with --mask=FILE_OR_FOLDER.'
    )
  if holes.all():
    raise ValueError('every pixel is a hole: nothing is left to go by.')
  channel = np.where(holes, top, 0).astype(photo.pixels.dtype)
  pixels = np.concatenate([photo.pixels, channel[..., None]], axis=-1)
  return photo, pixels, float(holes.mean())


def _read_levels(path: pathlib.Path) -> np.ndarray:
  """Returns how white a picture is, `[H, W]` in [0, 1]; nothing is black."""
  mask = images.read_image(path)
  top = np.iinfo(mask.pixels.dtype).max
  levels = mask.pixels.mean(axis=-1) / top
  return levels if mask.alpha is None else levels * (mask.alpha / top)
