"""Images to bytes and back, with any model that has what `CodecModel` says."""

from typing import Protocol

import numpy as np

from autoencoder import errors
from autoencoder.codec import bitstream
from autoencoder.codec import latents
from autoencoder.codec import range_coder
from autoencoder.inference import tiling

# Longest side, in pixels, that the transforms see at once.
TILE = 1024


class CodecModel(Protocol):
  """The transforms of a trained model, and its entropy coding.

  The latent y has one place for `stride x stride` pixels. Transforms are
  functions of any number of places, without batches.

  Attributes:
    code: the entropy coding; its arrays come from a file, never from floats.
    digest: 4 bytes that stand for all weights and tables.
    stride: pixels of a place, along each axis.
    analysis_radius: how many pixels away one can change a place of y.
    synthesis_radius: how many places away one can change a pixel.
  """

  code: latents.LatentCode
  digest: bytes
  stride: int
  analysis_radius: int
  synthesis_radius: int

  def analyse(self, pixels: np.ndarray) -> np.ndarray:
    """Returns `[h, w, C]` float32, y not rounded.

    Args:
      pixels: `[stride * h, stride * w, 3]` uint8.
    """

  def hyper_analyse(self, y: np.ndarray) -> np.ndarray | None:
    """Returns z, not rounded, float32 of shape `code.hyper_shape(h, w)`.

    Args:
      y: `[h, w, C]` float32, not rounded.

    Returns:
      None for a model without side information.
    """

  def synthesise(self, y: np.ndarray) -> np.ndarray:
    """Returns `[stride * h, stride * w, 3]` uint8.

    Args:
      y: `[h, w, C]` float32, decoded.
    """


def compress(
  model: CodecModel, image: np.ndarray, *, quality: int | None = None
) -> bytes:
  """Returns the bytes of a `.cae` file.

  Images larger than `TILE` pixels are analysed in overlapping windows, in
  memory that grows by about 20 bytes a pixel.

  Args:
    model: see `CodecModel`.
    image: `[H, W, 3]` uint8, or `[H, W, 1]` or `[H, W]` grey; any size from
      1 x 1. Grey is coded as three equal channels, and marked.
    quality: 1, the smallest file, to `model.code.qualities`; None is the one
      in the middle.

  Returns:
    The file. Other machines may find other bytes, since the analysis is in
    floats; every machine decodes them to the same latent.

  Raises:
    ValueError: another type, shape or quality.

  Example:

    >>> import autoencoder.codec as codec
    >>> model = codec.load('pretrained:compression')
    >>> image = np.zeros((37, 50, 3), np.uint8)
    >>> data = compress(model, image, quality=3)
    >>> decompress(model, data).shape == image.shape
    True
  """
  pixels = _check_image(image)
  quality = check_quality(model, quality)
  height, width, channels = pixels.shape
  stride = model.stride
  rows, columns = -(-height // stride), -(-width // stride)
  # By mirroring, as far as the last place reaches.
  padding = [(0, rows * stride - height), (0, columns * stride - width), (0, 0)]
  pixels = np.pad(pixels, padding, mode='symmetric')
  y = np.empty((rows, columns, model.code.channels), np.float32)
  for window, output, inner in tiling.plan_tiles(
    rows,
    columns,
    tile=max(1, TILE // stride),
    stride=1,
    radius=-(-model.analysis_radius // stride),
  ):
    rows, columns = (slice(s.start * stride, s.stop * stride) for s in window)
    seen = pixels[rows, columns]
    seen = np.broadcast_to(seen, (*seen.shape[:2], 3))
    y[output] = np.asarray(model.analyse(seen))[inner]
  streams, latent = model.code.encode(y, model.hyper_analyse(y), quality)
  header = bitstream.Header(model.digest, height, width, channels == 1, quality)
  check = latents.checksum(latent, bitstream.checksum_start(header))
  return bitstream.pack(bitstream.Content(header, streams, check))


def decompress(model: CodecModel, data: bytes) -> np.ndarray:
  """Returns the image of a `.cae` file.

  NOTE: the latent is the encoder's to the last bit, or there is an error. The
  pixels come from it in floats: on other hardware a few differ by one level.

  Args:
    model: the model that made the file.
    data: the file.

  Returns:
    `[H, W, 3]` uint8, or `[H, W, 1]` where the file is grey.

  Raises:
    ValueError: another model's file, or one that is damaged.
  """
  header, streams, checksum = bitstream.unpack(data)
  if header.digest != model.digest:
    raise errors.UserError(
      f'The .cae file was made by model {header.digest.hex()}; this is model '
      f'{model.digest.hex()}.'
    )
  if header.quality > model.code.qualities:
    raise errors.UserError(
      f'The .cae file has quality {header.quality}; its model has 1 to '
      f'{model.code.qualities}.'
    )
  size = [-(-n // model.stride) for n in (header.height, header.width)]
  try:
    y = model.code.decode(streams, *size, header.quality)
  except range_coder.StreamError as error:
    raise errors.UserError(f'The .cae file is damaged: {error}') from error
  if latents.checksum(y, bitstream.checksum_start(header)) != checksum:
    raise errors.UserError('The .cae file is damaged: its latent is another.')
  tiles = tiling.plan_tiles(
    *size,
    tile=max(1, TILE // model.stride),
    stride=1,
    radius=model.synthesis_radius,
  )
  pixels = tiling.assemble(
    lambda y: _synthesise(model, y, header.grey), y, tiles
  )
  return pixels[: header.height, : header.width]


def check_quality(model: CodecModel, quality: int | None) -> int:
  """Returns `quality`, or the middle one for None.

  Raises:
    ValueError: the model has no such quality.
  """
  if quality is None:
    return (model.code.qualities + 1) // 2
  if quality not in range(1, model.code.qualities + 1):
    raise errors.UserError(
      f'quality takes 1 (smallest) to {model.code.qualities}; got {quality}.'
    )
  return int(quality)


def _check_image(image: np.ndarray) -> np.ndarray:
  """Returns `[H, W, 1 or 3]`."""
  pixels = np.asarray(image)
  if pixels.ndim == 2:
    pixels = pixels[..., None]
  if (
    pixels.dtype != np.uint8
    or pixels.ndim != 3
    or pixels.shape[-1] not in (1, 3)
    or not 0 < pixels.size <= 3 * bitstream.MAX_PIXELS
  ):
    raise errors.UserError(
      'An image to compress is uint8 [H, W, 3], [H, W, 1] or [H, W]; got '
      f'{pixels.dtype} {list(np.shape(image))}.'
    )
  return pixels


def _synthesise(model: CodecModel, y: np.ndarray, grey: bool) -> np.ndarray:
  """Returns pixels, those of a grey image averaged to one channel."""
  pixels = np.asarray(model.synthesise(y))
  if not grey:
    return pixels
  return np.rint(pixels.mean(axis=-1, keepdims=True)).astype(np.uint8)
