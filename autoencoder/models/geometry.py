"""Which options of an autoencoder fit each other, and its receptive radius."""

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.models import upsamplings


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
  if kernel < 2:
    raise errors.UserError(
      f'kernel must be at least 2, so that windows of stride 2 leave no gaps; '
      f'got {kernel}.'
    )
  upsamplings.find(upsampling).check(kernel, stem_stride, scale)


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
  kind = upsamplings.find(upsampling)
  radius = 0
  for level in range(levels):
    factor = 2 if level else stem_stride
    coarse = stem_stride * 2**level
    down = kind.down_radius(kernel, factor)
    # A last layer that enlarges the output sees 3 x 3 coarse pixels.
    reach = 1 if scale > 1 and level == 0 else kind.up_radius(kernel)
    # Encoder and decoder have two 3 x 3 convolutions in each block.
    radius += 2 * (2 * blocks) * coarse
    if coarse == 1:
      radius += 2  # The first and the last 3 x 3 convolution.
    else:
      radius += down * coarse // factor + reach * coarse
  return radius
