"""Images to bytes and back, with any model that follows `CodecModel`."""

from typing import Protocol

import numpy as np

from autoencoder import errors
from autoencoder.codec import bitstream
from autoencoder.codec import latents
from autoencoder.codec import range_coder
from autoencoder.inference import mirror
from autoencoder.inference import tiling

# Longest side that the transforms compute in one piece, in pixels.
TILE = 1024


class CodecModel(Protocol):
  """The transforms of a trained model and its entropy coding.

  A place of the latent y stands for `stride x stride` pixels. The transforms
  take any number of places and have no batch axis.

  Attributes:
    code: the entropy coding. Its arrays must come from a file: computed again
      from floats, they could differ.
    digest: 4 bytes that identify all weights and tables.
    stride: pixels per place, along each axis.
    analysis_radius: the largest distance, in pixels, at which a pixel
      influences a place of y.
    synthesis_radius: the largest distance, in places, at which a place
      influences a pixel.
  """

  code: latents.LatentCode
  digest: bytes
  stride: int
  analysis_radius: int
  synthesis_radius: int

  def analyse(self, pixels: np.ndarray) -> np.ndarray:
    """Returns the unrounded latent y, `[h, w, C]` float32.

    Args:
      pixels: `[stride * h, stride * w, 3]` uint8.
    """

  def hyper_analyse(self, y: np.ndarray) -> np.ndarray | None:
    """Returns the unrounded side information z.

    Args:
      y: `[h, w, C]` float32, unrounded.

    Returns:
      Float32 of shape `code.hyper_shape(h, w)`, or None for a model without
      side information.
    """

  def synthesise(self, y: np.ndarray) -> np.ndarray:
    """Returns the pixels of a decoded latent.

    Args:
      y: `[h, w, C]` float32.

    Returns:
      `[stride * h, stride * w, 3]` uint8.
    """


def compress(
  model: CodecModel, image: np.ndarray, *, quality: int | None = None
) -> bytes:
  """Returns the content of a `.cae` file.

  Images larger than `TILE` are analysed in overlapping tiles. Memory grows by
  about 20 bytes per pixel.

  Args:
    model: see `CodecModel`.
    image: uint8 `[H, W, 3]`, or `[H, W, 1]` or `[H, W]` for grey; H and W at
      least 1. A grey image is coded as three equal channels and marked as grey.
    quality: 1 (smallest file) to `model.code.qualities`. None takes the middle.

  Returns:
    The bytes. Another machine may produce other bytes, because the analysis
    uses floats. Every machine decodes the same bytes to the same latent.

  Raises:
    ValueError: `image` has another type or shape, or the model has no such
      quality.

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
  # The last place of the latent may reach beyond the image.
  pixels = mirror.pad_to_multiple(pixels, stride)
  rows, columns = (side // stride for side in pixels.shape[:2])
  y = np.empty((rows, columns, model.code.channels), np.float32)
  for window, output, inner in tiling.plan_tiles(
    rows,
    columns,
    tile=max(1, TILE // stride),
    stride=1,
    radius=-(-model.analysis_radius // stride),
  ):
    seen = pixels[
      tuple(slice(s.start * stride, s.stop * stride) for s in window)
    ]
    seen = np.broadcast_to(seen, (*seen.shape[:2], 3))
    y[output] = np.asarray(model.analyse(seen))[inner]
  streams, latent = model.code.encode(y, model.hyper_analyse(y), quality)
  header = bitstream.Header(model.digest, height, width, channels == 1, quality)
  check = latents.checksum(latent, bitstream.checksum_start(header))
  return bitstream.pack(bitstream.Content(header, streams, check))


def decompress(model: CodecModel, data: bytes) -> np.ndarray:
  """Returns the image of a `.cae` file.

  NOTE: The latent is bit-identical to the encoder's, or decoding fails with an
  error. The pixels are computed from it in floats. On other hardware a few of
  them may differ by one level.

  Args:
    model: the model that wrote the file.
    data: the content of the file.

  Returns:
    `[H, W, 3]` uint8, or `[H, W, 1]` for a grey image.

  Raises:
    UserError: the file is damaged or was written by another model.
  """
  header, streams, checksum = bitstream.unpack(data)
  if header.digest != model.digest:
    raise errors.UserError(
      f'The .cae file was made by model {header.digest.hex()}; this is model '
      f'{model.digest.hex()}. Decompress it with the model that made it.'
    )
  if header.quality > model.code.qualities:
    raise errors.UserError(
      f'The .cae file has quality {header.quality}; its model has 1 to '
      f'{model.code.qualities}.'
    )
  height, width = (-(-n // model.stride) for n in (header.height, header.width))
  try:
    y = model.code.decode(streams, height, width, header.quality)
  except range_coder.StreamError as error:
    raise errors.UserError(f'The .cae file is damaged: {error}') from error
  if latents.checksum(y, bitstream.checksum_start(header)) != checksum:
    raise errors.UserError(
      'The .cae file is damaged: the checksum of its latent is wrong.'
    )
  tiles = tiling.plan_tiles(
    height,
    width,
    tile=max(1, TILE // model.stride),
    stride=1,
    radius=model.synthesis_radius,
  )
  pixels = tiling.assemble(
    lambda y: _synthesise(model, y, header.grey), y, tiles
  )
  return pixels[: header.height, : header.width]


def check_quality(model: CodecModel, quality: int | None) -> int:
  """Returns `quality`, or the middle quality if it is None.

  Raises:
    UserError: the model has no such quality.
  """
  if quality is None:
    return (model.code.qualities + 1) // 2
  if quality not in range(1, model.code.qualities + 1):
    raise errors.UserError(
      f'quality takes 1 (smallest) to {model.code.qualities}; got {quality}.'
    )
  return int(quality)


def _check_image(image: np.ndarray) -> np.ndarray:
  """Returns the pixels `[H, W, 1 or 3]`, or raises `ValueError`."""
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
  """Returns the pixels; a grey image is the mean over the three channels."""
  pixels = np.asarray(model.synthesise(y))
  if not grey:
    return pixels
  return np.rint(pixels.mean(axis=-1, keepdims=True)).astype(np.uint8)
