"""Options of the data."""

import dataclasses

from autoencoder import errors
from autoencoder.config import options

AUGMENTATIONS = ('none', 'flip', 'dihedral')


@dataclasses.dataclass
class DataConfig:
  """Where the images come from and how they become batches."""

  source: str = options.option(
    'sample_photos',
    help="Training images: 'sample_photos', 'scenes' (photos with digits on "
    "them and labels), 'folder:PATH', or a TFDS name such as 'cifar10'.",
    role=options.TRAINING,
  )
  test_source: str = options.option(
    '',
    help='Held-out images, in the same notation. Empty: the test split of '
    'data.source.',
    role=options.MEASURING,
    resumable=True,
  )
  channels: int = options.option(
    3,
    help='1 converts every image to grey, 3 to RGB.',
    role=options.TRAINING,
    choices=(1, 3),
  )
  crop: int = options.option(
    64,
    help='Side of the square training crops, pixels.',
    role=options.TRAINING,
    low=1,
  )
  augment: str = options.option(
    'dihedral',
    help="Random changes of training crops: 'none', 'flip' (left-right) or "
    "'dihedral' (flips and quarter turns).",
    role=options.TRAINING,
    choices=AUGMENTATIONS,
  )
  color_jitter: bool = options.option(
    True,
    help='Permutes the colour channels and changes contrast and brightness of '
    'training crops, so that few photos go further. Turn it off if the answer '
    'of the task is a colour.',
    role=options.TRAINING,
  )
  scale_range: tuple[float, ...] = options.option(
    (),
    help='Two factors, such as 0.5,2: each training crop is resized by a '
    'random factor between them, and at least to the size of the crop. Empty '
    'keeps the scale.',
    role=options.TRAINING,
    above=0,
  )
  tone_jitter: float = options.option(
    0.0,
    help='Largest relative change of brightness, contrast and saturation of '
    'training crops, such as 0.3.',
    role=options.TRAINING,
    low=0,
    below=1,
  )
  resident_mib: int = options.option(
    512,
    help='Data sets up to this size, MiB as uint8, stay in device memory; '
    'larger ones are streamed.',
    role=options.TRAINING,
    low=0,
    resumable=True,
  )
  classes: str = options.option(
    '',
    help="What labels mean: 'scenes', 'camvid', 'voc', 'pet', a number of "
    'classes, or their names in order, with or without colours: '
    "'sky=#808080,void=#000000'. Empty: the data has no labels.",
    role=(options.TRAINING, options.MEASURING, options.APPLYING),
  )
  ignore: int = options.option(
    255,
    help='Value in label files that marks pixels to ignore, besides 255.',
    role=(options.TRAINING, options.MEASURING),
    low=0,
  )
  balance: float = options.option(
    0.0,
    help='Weight of rare classes in the loss: the power of (median frequency '
    '/ frequency). 0 weighs all classes alike, 1 is the weighting of SegNet, '
    '0.5 its square root.',
    role=options.TRAINING,
    low=0,
  )
  class_weights: tuple[float, ...] = options.option(
    (),
    help='Weight of a pixel of each class in the loss. Empty: computed from '
    'data.balance.',
    role=options.TRAINING,
  )
  workers: int = options.option(
    4,
    help='Threads on the host that read and decode a streamed data set.',
    role=options.TRAINING,
    low=0,
    resumable=True,
  )

  def validate(self) -> None:
    """Raises `UserError` for options that contradict each other."""
    scales = self.scale_range
    if scales and not (len(scales) == 2 and scales[0] <= scales[1]):
      raise errors.UserError(
        'data.scale_range takes two factors above 0 in order, such as 0.5,2; '
        f'got {",".join(map(str, scales))}.'
      )
    if self.classes:
      from autoencoder.image import palettes  # Imports JAX, which is slow.

      palettes.find(self.classes).check_weights(self.class_weights)
    elif self.balance or self.class_weights:
      raise errors.UserError(
        'data.balance and data.class_weights need data.classes, the meaning of '
        'the labels.'
      )
