"""Which options of an autoencoder fit each other, and its receptive radius."""

from autoencoder import config as config_lib
from autoencoder import errors


def check(upsampling: str, kernel: int, stem_stride: int, scale: int) -> None:
  """Raises `ValueError` for arguments that do not fit each other.

  Args:
    upsampling: see `Autoencoder`, as for the others.
    kernel: side of the kernels of stride 2.
    stem_stride: stride of the first layer.
    scale: output pixels per input pixel, along each axis.
  """
  if scale < 1:
    raise ValueError(f'scale must be at least 1; got {scale}.')
  if stem_stride not in config_lib.STEMS:
    raise ValueError(f'stem_stride takes 1, 2 or 4; got {stem_stride}.')
  if upsampling not in config_lib.UPSAMPLINGS:
    raise ValueError(
      f'upsampling takes {", ".join(map(repr, config_lib.UPSAMPLINGS))}; got '
      f'{upsampling!r}.'
    )
  if kernel < 2:
    raise errors.UserError(
      f'kernel must be at least 2, so that windows of stride 2 leave no gaps; '
      f'got {kernel}.'
    )
  if upsampling == 'unpool' and kernel != 2:
    raise errors.UserError(
      f"upsampling='unpool' has no strided kernels, so kernel={kernel} would "
      'have no effect: leave it at 2.'
    )
  if upsampling == 'unpool' and stem_stride > 2:
    raise errors.UserError(
      "upsampling='unpool' pools 2 x 2 pixels at a time: model.stem_stride "
      f'must be 1 or 2; got {stem_stride}.'
    )
  if upsampling == 'unpool' and scale > 1:
    raise errors.UserError(
      f"upsampling='unpool' cannot enlarge the input; got scale={scale}. Use "
      'another upsampling, or scale=1.'
    )


def receptive_radius(
  levels: int,
  blocks: int,
  kernel: int,
  stem_stride: int,
  scale: int,
  upsampling: str,
) -> int:
  """Returns the sum of the layers' radii, in input pixels.

  The sum is at least 2, the radius of the bicubic interpolation of the input.

  Args:
    levels: number of scales.
    blocks: residual blocks per scale.
    kernel: side of the kernels of stride 2.
    stem_stride: stride of the first layer.
    scale: output pixels per input pixel, along each axis.
    upsampling: see `Autoencoder`.
  """
  # The radius of an upsampling layer in coarse pixels. A 3 x 3 convolution
  # after interpolation or depth-to-space reaches one coarse pixel.
  up = (kernel - 1) // 2 if upsampling.startswith('transposed') else 1
  radius = 0
  for level in range(levels):
    factor = 2 if level else stem_stride
    coarse = stem_stride * 2**level
    # The radius of the downsampling layer in fine pixels: a kernel reaches its
    # far side; pooling with its 3 x 3 convolution reaches one pixel beyond the
    # window of 2.
    down = 2 if upsampling == 'unpool' else kernel * factor // 2 - 1
    # A last layer that enlarges the output sees 3 x 3 coarse pixels.
    reach = 1 if scale > 1 and level == 0 else up
    # Encoder and decoder have two 3 x 3 convolutions in each block.
    radius += 2 * (2 * blocks) * coarse
    if coarse == 1:
      radius += 2  # The first and the last 3 x 3 convolution.
    else:
      radius += down * coarse // factor + reach * coarse
  return radius
