"""Writes the classes of pixels to files: index PNGs and overlays.

An index PNG stores the label of each pixel as a number, for programs, and the
colours of the classes as its palette, for people. PASCAL VOC and CamVid use
the same format. An overlay is the mean of the photo, reduced to 8 bits, and
these colours.
"""

import dataclasses
import io
import pathlib

import numpy as np
from PIL import Image

from autoencoder.image import palettes
from autoencoder.photos import images
from autoencoder.runs import files

# Subfolders of the output. With one folder for each, file names stay unchanged.
LABELS, OVERLAYS = 'labels', 'overlays'

# Number of rows blended at a time: the uint16 copies stay small.
_ROWS = 256


def encode(labels: np.ndarray, palette: palettes.Palette) -> bytes:
  """Returns the content of an index PNG.

  Args:
    labels: `[H, W]` uint8.
    palette: classes and their colours.
  """
  image = Image.fromarray(labels)
  image.putpalette(palette.table().tobytes())
  buffer = io.BytesIO()
  image.save(buffer, 'PNG')
  return buffer.getvalue()


def overlay(
  pixels: np.ndarray, labels: np.ndarray, palette: palettes.Palette
) -> np.ndarray:
  """Returns the mean of the photo and the colours of its classes.

  Args:
    pixels: `[H, W, 1 or 3]` uint8 or uint16.
    labels: `[H, W]` uint8.
    palette: classes and their colours.

  Returns:
    `[H, W, 3]` uint8.
  """
  result = np.empty((*labels.shape, 3), np.uint8)
  table = palette.table().astype(np.uint16)
  for top in range(0, len(labels), _ROWS):
    rows = slice(top, top + _ROWS)
    photo = images.to_eight_bits(pixels[rows]).astype(np.uint16)
    result[rows] = (photo + table[labels[rows]]) // 2
  return result


def write(
  target: pathlib.Path,
  overlay_path: pathlib.Path,
  photo: images.Photo,
  labels: np.ndarray,
  palette: palettes.Palette,
) -> None:
  """Writes both files, the index PNG last: if it exists, so does the overlay.

  Args:
    target: path of the index PNG.
    overlay_path: path of the overlay, a `.png`; it keeps the transparency.
    photo: the photo whose pixels were classified.
    labels: `[H, W, 1]` uint8.
    palette: classes and their colours.

  Raises:
    OSError: a file cannot be written.
  """
  labels = labels[..., 0]
  alpha = None if photo.alpha is None else images.to_eight_bits(photo.alpha)
  photo = dataclasses.replace(photo, alpha=alpha)
  blend = overlay(photo.pixels, labels, palette)
  images.write_image(overlay_path, images.with_pixels(photo, blend))
  files.write_bytes(target, encode(labels, palette))
