"""Options of the architecture."""

import dataclasses

from autoencoder import errors
from autoencoder.config import options

STEMS = (1, 2, 4)  # Strides.
DTYPES = ('float32', 'bfloat16')


@dataclasses.dataclass
class ModelConfig:
  """Architecture of `autoencoder.models.Autoencoder`."""

  in_channels: int = options.option(
    0,
    help='Input channels. 0: those of the task, such as 3 for a colour image.',
    role=options.TRAINING,
    low=0,
  )
  out_channels: int = options.option(
    0,
    help='Output channels. 0: those of the task.',
    role=options.TRAINING,
    low=0,
  )
  widths: tuple[int, ...] = options.option(
    (32, 48, 64, 64),
    help='Feature channels of each scale, the finest first. Height and width '
    'halve from one scale to the next.',
    role=options.TRAINING,
    low=1,
  )
  stem_stride: int = options.option(
    1,
    help='Stride of the first convolution. 1 keeps the first scale at full '
    'resolution, where a denoiser learns fine detail faster. 2 starts at half '
    'resolution for a quarter of the cost. 4 starts at a quarter, which is '
    'enough for segmentation.',
    role=options.TRAINING,
    choices=STEMS,
  )
  scale: int = options.option(
    1,
    help='Output pixels per input pixel along each axis. Above 1 the model '
    'enlarges its input.',
    role=options.TRAINING,
    low=1,
  )
  blocks: int = options.option(
    1,
    help='Residual blocks at each scale, in the encoder and in the decoder.',
    role=options.TRAINING,
    low=0,
  )
  latent_channels: int = options.option(
    64,
    help='Channels of the bottleneck, which has the size of the coarsest '
    'scale.',
    role=options.TRAINING,
    low=1,
  )
  skips: bool = options.option(
    True,
    help='Adds the features of each encoder scale to those of the decoder. '
    'False passes everything through the bottleneck, as compression and '
    'studies of the latent need.',
    role=options.TRAINING,
  )
  residual: bool = options.option(
    True,
    help='Adds the input to the output, so that the network learns the '
    'correction.',
    role=options.TRAINING,
  )
  upsampling: str = options.option(
    'transposed',
    help="How the decoder doubles height and width: 'transposed' convolution, "
    "'nearest' or 'bilinear' resizing followed by a convolution, 'subpixel' "
    "convolution, or 'unpool', which puts maxima back where the encoder's "
    "max-pooling found them. 'transposed' and 'subpixel' are initialised "
    "without a checkerboard; their '_plain' versions are not.",
    role=options.TRAINING,
  )
  kernel: int = options.option(
    2,
    help='Kernel size of the strided and transposed convolutions. 2 is the '
    'fastest, and 4 does not denoise better (docs/ablations.md).',
    role=options.TRAINING,
    low=2,
  )
  dtype: str = options.option(
    'float32',
    help='Data type of the computation. Parameters are always float32.',
    role=options.TRAINING,
    choices=DTYPES,
  )

  def validate(self) -> None:
    """Raises `UserError` for widths without a scale."""
    if not self.widths:
      raise errors.UserError(
        'model.widths takes one positive channel count per scale, such as '
        '32,64,128; got none.'
      )
