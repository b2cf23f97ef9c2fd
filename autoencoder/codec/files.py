"""Folders of pictures to `.cae` files, and back to PNG."""

import io
import os
import pathlib
import time

import numpy as np
from PIL import Image
from PIL import ImageCms

from autoencoder import errors
from autoencoder import photos
from autoencoder.codec import bitstream
from autoencoder.codec import coding
from autoencoder.photos import images
from autoencoder.runs import files

SUFFIX = '.cae'


def compress_files(
  model: coding.CodecModel,
  input_path: str | os.PathLike,
  output_folder: str | os.PathLike,
  *,
  quality: int | None = None,
  overwrite: bool = False,
) -> photos.Summary:
  """Compresses one picture, or every picture of a folder and its subfolders.

  A `.cae` file holds 8 bits of grey or sRGB, upright. What does not fit is
  converted, and the line about the file says so: 16 bits are rounded to 8,
  colours of another profile become sRGB, transparent pixels are laid on white.

  Args:
    model: see `coding.CodecModel`.
    input_path: an image file, or a folder.
    output_folder: made if needed; not the input folder itself.
    quality: 1, the smallest files, to `model.code.qualities`; None is the one
      in the middle.
    overwrite: whether to replace outputs that exist; else they are skipped.

  Returns:
    How many pictures were done, skipped and failed.

  Raises:
    ValueError: nothing to do there, nowhere to write, or another quality.
  """
  quality = coding.check_quality(model, quality)

  def work(path: pathlib.Path, target: pathlib.Path) -> str:
    started = time.perf_counter()
    photo = images.read_image(path)
    try:
      pixels, notes = _coded_pixels(photo)
      data = coding.compress(model, pixels, quality=quality)
    except ValueError as error:
      raise errors.UserError(f'{path}: {error}') from error
    files.write_bytes(target, data)
    rate = 8 * len(data) / (pixels.shape[0] * pixels.shape[1])
    return (
      f'{path}: {_size(pixels)}{"".join(notes)} -> {target}, {len(data):,} '
      f'bytes, {rate:.3f} bits per pixel, {time.perf_counter() - started:.1f} s'
    )

  return photos.convert_files(
    work,
    input_path,
    output_folder,
    suffix=SUFFIX,
    kind='images',
    suffixes=images.SUFFIXES,
    overwrite=overwrite,
  )


def decompress_files(
  model: coding.CodecModel,
  input_path: str | os.PathLike,
  output_folder: str | os.PathLike,
  *,
  overwrite: bool = False,
) -> photos.Summary:
  """Brings PNG files back, of one `.cae` file or of all in a folder.

  Args:
    model: that made the files, see `coding.CodecModel`.
    input_path: a file, or a folder.
    output_folder: made if needed; not the input folder itself.
    overwrite: whether to replace outputs that exist; else they are skipped.

  Returns:
    How many files were done, skipped and failed.

  Raises:
    ValueError: nothing to do there, or nowhere to write.
  """

  def work(path: pathlib.Path, target: pathlib.Path) -> str:
    started = time.perf_counter()
    try:
      pixels = coding.decompress(model, _read(path))
    except ValueError as error:
      raise errors.UserError(f'{path}: {error}') from error
    images.write_image(target, images.Photo(pixels))
    seconds = time.perf_counter() - started
    return f'{path}: {_size(pixels)} -> {target}, {seconds:.1f} s'

  return photos.convert_files(
    work,
    input_path,
    output_folder,
    suffix='.png',
    kind='compressed files',
    suffixes=(SUFFIX,),
    overwrite=overwrite,
  )


def _coded_pixels(photo: images.Photo) -> tuple[np.ndarray, list[str]]:
  """Returns `[H, W, 1 or 3]` uint8, and what had to be changed for it."""
  pixels, alpha, notes = photo.pixels, photo.alpha, []
  if photo.pages > 1:
    notes.append(f', first of {photo.pages} pages')
  if pixels.dtype == np.uint16:
    pixels = images.to_eight_bits(pixels)
    alpha = None if alpha is None else images.to_eight_bits(alpha)
    notes.append(', 16 bits rounded to 8')
  if photo.icc_profile is not None:
    converted = _to_srgb(pixels, photo.icc_profile)
    if converted is None:
      notes.append(', its colour profile left out')
    elif np.abs(converted.astype(int) - pixels).max() > 1:  # No rounding.
      pixels = converted
      notes.append(', colours converted to sRGB')
  if alpha is not None and alpha.min() < 255:
    share = alpha[..., None] / np.float32(255)
    pixels = np.rint(pixels * share + 255 * (1 - share)).astype(np.uint8)
    notes.append(', transparency laid on white')
  return pixels, notes


def _to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray | None:
  """Returns the colours in sRGB; None for a profile of no use."""
  grey = pixels.shape[-1] == 1
  mode = 'L' if grey else 'RGB'
  try:
    image = ImageCms.profileToProfile(
      Image.fromarray(pixels[..., 0] if grey else pixels),
      ImageCms.ImageCmsProfile(io.BytesIO(profile)),
      ImageCms.createProfile('sRGB'),
      outputMode='RGB',
    )
  except (ImageCms.PyCMSError, OSError):
    return None
  return np.asarray(image.convert(mode)).reshape(pixels.shape)


def _size(pixels: np.ndarray) -> str:
  """Returns 'WIDTH x HEIGHT KIND'."""
  height, width, channels = pixels.shape
  return f'{width} x {height} {"grey" if channels == 1 else "RGB"}'


def _read(path: pathlib.Path) -> bytes:
  """Returns a `.cae` file, or at least the beginning of something else."""
  try:
    with open(path, 'rb') as file:
      start = file.read(len(bitstream.MAGIC))
      return start if start != bitstream.MAGIC else start + file.read()
  except OSError as error:
    raise errors.UserError(f'cannot be read: {error.strerror}.') from error
