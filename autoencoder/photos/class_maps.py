"""Classes of pixels as files: index PNGs, and overlays on the photo.

An index PNG holds the label of each pixel as a number, for programs, and the
colours of the classes as its palette, for people: as PASCAL VOC and CamVid
keep theirs. An overlay is the photo in 8 bits, half covered by those colours.
"""

import dataclasses
import io
import pathlib

import numpy as np
from PIL import Image

from autoencoder.image import palettes
from autoencoder.photos import images
from autoencoder.runs import files

# The subfolders of the output. Two trees, so that names stay as they are.
LABELS, OVERLAYS = 'labels', 'overlays'

# Rows blended at a time, so that no wider copy of the photo is made.
_STRIP = 256


def encode(labels: np.ndarray, palette: palettes.Palette) -> bytes:
  """Returns labels as a PNG file of palette colours.

  Args:
    labels: `[H, W]` uint8.
    palette: the colours.
  """
  image = Image.fromarray(labels)
  image.putpalette(palette.table().tobytes())
  buffer = io.BytesIO()
  image.save(buffer, 'PNG')
  return buffer.getvalue()


def overlay(
  pixels: np.ndarray, labels: np.ndarray, palette: palettes.Palette
) -> np.ndarray:
  """Returns the photo, half covered by the colours of its classes.

  Args:
    pixels: `[H, W, 1 or 3]` uint8 or uint16.
    labels: `[H, W]` uint8.
    palette: the colours.

  Returns:
    `[H, W, 3]` uint8.
  """
  result = np.empty((*labels.shape, 3), np.uint8)
  table = palette.table().astype(np.uint16)
  for top in range(0, len(labels), _STRIP):
    rows = slice(top, top + _STRIP)
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
  """Writes both files; the labels last, so that where they are, both are.

  Args:
    target: of the labels, a `.png`.
    overlay_path: of the overlay, a `.png`; it keeps the photo's transparency.
    photo: what the labels are of.
    labels: `[H, W, 1]` uint8.
    palette: the classes.

  Raises:
    OSError: a file cannot be written.
  """
  labels = labels[..., 0]
  alpha = None if photo.alpha is None else images.to_eight_bits(photo.alpha)
  covered = overlay(photo.pixels, labels, palette)
  covered = images.with_pixels(dataclasses.replace(photo, alpha=alpha), covered)
  images.write_image(overlay_path, covered)
  files.write_bytes(target, encode(labels, palette))
