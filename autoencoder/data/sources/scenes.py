"""Scenes with a label per pixel: handwritten digits on photographs.

Both are real and come with the installed packages: the photos of
`sample_photos`, and the 1,797 digits of scikit-learn (8 x 8 pixels, enlarged
here). A scene is composed when it is read and depends on its number alone.
Labels: 0 is background, 1 to 10 are the digits 0 to 9.
"""

import operator

import numpy as np
from PIL import Image

from autoencoder import errors
from autoencoder.data import labels as labels_lib
from autoencoder.data.sources import registry
from autoencoder.image import palettes

SIDE = 128
CLASSES = 11
COUNTS = {'train': 6000, 'test': 100}

# The last fifth of the digits, of other writers than the first in the main,
# are drawn in test scenes only.
TRAIN_DIGITS = 1437

# How many digits a scene has, from the first number to the second: more to
# train on, because each step then learns from more of them.
DIGITS = {'train': (3, 6), 'test': (2, 4)}

# What is drawn for each digit, from the first number to the second.
HEIGHTS = (40, 72)  # Pixels.
TURNS = (-12, 12)  # Degrees.
OPACITY = (0.9, 1.0)

# A digit is drawn where every other one keeps this share of its pixels in
# sight, or not at all.
VISIBLE = 0.9
PLACES = 10

# The least distance of a digit's colour from the photo's around it, in RGB of
# [0, 1]; the most is 1.73.
CONTRAST = 0.8

# Ink is where the enlarged digit, in [0, 1], is above this.
INK = 0.45


class ScenesSource:
  """Scenes of 128 x 128 pixels: 6,000 to train on, 100 to measure on.

  Attributes:
    name: 'scenes'.
  """

  name = 'scenes'

  def __init__(
    self,
    split: str,
    *,
    channels: int,
    labels: labels_lib.LabelFormat | None = None,
  ):
    """Reads the photos and the digits.

    Args:
      split: 'train' or 'test'; they share no photo and no digit.
      channels: 1 for grey, 3 for RGB.
      labels: the classes that are expected, if any are.

    Raises:
      ValueError: a package's photos are missing, or there are not 11 classes.
    """
    known = [palettes.find(name) for name in ('scenes', str(CLASSES))]
    if labels is not None and labels.palette.names not in [
      palette.names for palette in known
    ]:
      raise errors.UserError(
        f'scenes has {CLASSES} classes of its own, and data.classes names '
        f'{labels.palette.classes} others: give --config.data.classes=scenes.'
      )
    from sklearn import datasets  # A second, which other sources need not pay.

    digits = datasets.load_digits()
    ends = (0, TRAIN_DIGITS) if split == 'train' else (TRAIN_DIGITS, None)
    self._digits = digits.images[slice(*ends)] / 16  # 16 is full ink.
    self._classes = digits.target[slice(*ends)]
    photos = registry.open_source('sample_photos', split, channels=3)
    self._photos = [Image.fromarray(item['image']) for item in photos]
    self._split = split
    self._channels = channels

  def __len__(self) -> int:
    return COUNTS[self._split]

  def __getitem__(self, i: int) -> dict[str, np.ndarray | str]:
    """Returns scene `i`: `image`, `label` and `name`; see `registry.Source`."""
    i = operator.index(i)
    if not 0 <= i < len(self):
      raise IndexError(f'scenes has {len(self)} items; got index {i}.')
    generator = np.random.default_rng((sorted(COUNTS).index(self._split), i))
    image = self._background(generator)
    label = np.zeros((SIDE, SIDE), np.int32)
    drawn = []  # Each digit's size, and its pixels that are still in sight.
    least, most = DIGITS[self._split]
    for _ in range(generator.integers(least, most + 1)):
      self._draw(generator, image, label, drawn)
    image = np.rint(image * 255).astype(np.uint8)
    if self._channels == 1:
      image = np.array(Image.fromarray(image).convert('L'))[..., None]
    return {
      'image': image,
      'label': label,
      'name': f'{self._split}_{i:04d}',
    }

  def _background(self, generator: np.random.Generator) -> np.ndarray:
    """Returns a part of a photo, perhaps mirrored, float32 `[128, 128, 3]`."""
    photo = self._photos[generator.integers(len(self._photos))]
    side = int(generator.integers(SIDE, min(photo.size) + 1))
    left, top = (int(generator.integers(n - side + 1)) for n in photo.size)
    box = (left, top, left + side, top + side)
    part = photo.resize((SIDE, SIDE), Image.BICUBIC, box)
    if generator.integers(2):
      part = part.transpose(Image.FLIP_LEFT_RIGHT)
    return np.asarray(part, np.float32) / 255

  def _draw(
    self,
    generator: np.random.Generator,
    image: np.ndarray,
    label: np.ndarray,
    drawn: list[tuple[int, np.ndarray]],
  ) -> None:
    """Draws one digit over what is there, in place, if it finds room."""
    which = generator.integers(len(self._digits))
    height, turn = generator.uniform(*HEIGHTS), generator.uniform(*TURNS)
    coverage = enlarge(self._digits[which], height, turn)
    side = len(coverage)
    opacity = generator.uniform(*OPACITY)
    colors = generator.uniform(size=(32, 3)).astype(np.float32)
    for top, left in generator.integers(SIDE - side + 1, size=(PLACES, 2)):
      window = np.s_[top : top + side, left : left + side]
      ink = np.zeros(label.shape, bool)
      ink[window] = coverage > 0.5
      if all((seen & ~ink).sum() >= VISIBLE * size for size, seen in drawn):
        break
    else:
      return
    around = image[window].mean(axis=(0, 1))
    distances = np.linalg.norm(colors - around, axis=-1)
    far = distances >= CONTRAST
    color = colors[np.argmax(far) if far.any() else np.argmax(distances)]
    alpha = (opacity * coverage)[..., None]
    image[window] += alpha * (color - image[window])
    label[ink] = 1 + self._classes[which]
    for _, seen in drawn:
      seen &= ~ink
    drawn.append((ink.sum(), ink))


def enlarge(digit: np.ndarray, height: float, turn: float) -> np.ndarray:
  """Returns how much of each pixel an enlarged digit covers.

  Args:
    digit: `[8, 8]` float in [0, 1].
    height: of its 8 rows, pixels.
    turn: degrees, anticlockwise.

  Returns:
    `[side, side]` float32 in [0, 1]; above 0.5 a pixel is the digit's. The
    side has room for the digit turned.
  """
  scale = height / 8
  angle = np.deg2rad(turn)
  reach = 8 * (abs(np.cos(angle)) + abs(np.sin(angle)))
  side = min(int(np.ceil(scale * reach)), SIDE)
  cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
  # Pillow's coordinates are (x, y), and pixel 0 spans 0 to 1.
  corner = 6 - side / 2 * np.array([cos - sin, cos + sin])
  smooth = np.asarray(
    Image.fromarray(np.pad(digit, 2).astype(np.float32)).transform(
      (side, side),
      Image.AFFINE,
      (cos, -sin, corner[0], sin, cos, corner[1]),
      Image.BICUBIC,
    )
  )
  # An edge about one pixel wide: grey levels rise by some 0.5 a digit's pixel.
  return np.clip((smooth - INK) * scale * 2 + 0.5, 0, 1).astype(np.float32)


@registry.register('scenes')
def open_scenes(
  name: str,
  split: str,
  *,
  channels: int,
  labels: labels_lib.LabelFormat | None = None,
) -> ScenesSource:
  """Opens the scenes; see `ScenesSource`."""
  del name
  return ScenesSource(split, channels=channels, labels=labels)
