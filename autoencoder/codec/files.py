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
from autoencoder.photos import folders
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
  """Compresses a picture, or every picture of a folder and its subfolders.

  A `.cae` file holds 8 bits of grey or sRGB, upright. Other pictures are
  converted, and the printed line says so: 16 bits are rounded to 8, colours of
  another profile are converted to sRGB, transparent pixels are blended with
  white.

  Args:
    model: see `coding.CodecModel`.
    input_path: an image file or a folder.
    output_folder: created if missing; not the input folder itself.
    quality: 1 (smallest files) to `model.code.qualities`. None takes the
      middle.
    overwrite: whether to replace existing outputs. If not, they are skipped.

  Returns:
    The numbers of pictures that were done, skipped and failed.

  Raises:
    UserError: there is nothing to compress, the output folder cannot be
      written, or the model has no such quality.
  """
  quality = coding.check_quality(model, quality)
  once = folders.NoteOnce(images.EXIF_NOTE)

  def work(path: pathlib.Path, target: pathlib.Path) -> str:
    started = time.perf_counter()
    photo = images.read_image(path)
    if photo.has_exif:
      once.write()
    try:
      pixels, notes = _coded_pixels(photo)
      data = coding.compress(model, pixels, quality=quality)
    except ValueError as error:
      raise errors.UserError(f'{path}: {error}') from error
    files.write_bytes(target, data)
    source = path.stat().st_size
    size = f'{len(data) / max(source, 1):.0%} of the source'
    if len(data) > source:
      size += ': keep the source, which is smaller and loses nothing'
    rate = 8 * len(data) / (pixels.shape[0] * pixels.shape[1])
    return (
      f'{path}: {_size(pixels)}{"".join(notes)} -> {target}, {len(data):,} '
      f'bytes, {rate:.3f} bits per pixel, '
      f'{time.perf_counter() - started:.1f} s, {size}'
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
  """Decodes a `.cae` file, or all of them in a folder, to PNG files.

  Args:
    model: the model that compressed the files, see `coding.CodecModel`.
    input_path: a file or a folder.
    output_folder: created if missing; not the input folder itself.
    overwrite: whether to replace existing outputs. If not, they are skipped.

  Returns:
    The numbers of files that were done, skipped and failed.

  Raises:
    UserError: there is nothing to decode, or the output folder cannot be
      written.
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
  """Returns the pixels `[H, W, 1 or 3]` uint8, and notes on conversions."""
  pixels, alpha = photo.pixels, photo.alpha
  notes = [f', {note}' for note in photo.notes]
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
    # A difference of 1 is rounding: the profile is sRGB already.
    elif np.abs(converted.astype(int) - pixels).max() > 1:
      pixels = converted
      notes.append(', colours converted to sRGB')
  if alpha is not None and alpha.min() < 255:
    opacity = alpha[..., None] / np.float32(255)
    pixels = np.rint(pixels * opacity + 255 * (1 - opacity)).astype(np.uint8)
    notes.append(', transparency laid on white')
  return pixels, notes


def _to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray | None:
  """Returns the pixels in sRGB, or None if the profile cannot be used."""
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
  assert image is not None  # It is None only for a conversion in place.
  return np.asarray(image.convert(mode)).reshape(pixels.shape)


def _size(pixels: np.ndarray) -> str:
  """Returns 'WIDTH x HEIGHT KIND'."""
  height, width, channels = pixels.shape
  return f'{width} x {height} {"grey" if channels == 1 else "RGB"}'


def _read(path: pathlib.Path) -> bytes:
  """Returns the content of a `.cae` file.

  Of another file only the first bytes are read, which `bitstream.unpack` then
  refuses.
  """
  try:
    with open(path, 'rb') as file:
      start = file.read(len(bitstream.MAGIC))
      return start if start != bitstream.MAGIC else start + file.read()
  except OSError as error:
    raise errors.UserError(f'cannot be read: {error.strerror}.') from error
