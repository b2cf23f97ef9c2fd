"""Scenes with a label per pixel: handwritten digits on photographs.

The photographs are those of `sample_photos`. The digits are the 1,797 of
scikit-learn, 8 x 8 pixels each, enlarged. A scene is composed when it is read
and depends only on its split and number. Label 0 is the background, labels 1 to
10 are the digits 0 to 9.
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

# Test scenes use the digits from here on, the last fifth. Most of them are by
# other writers than the first digits.
TRAIN_DIGITS = 1437

# Least and greatest number of digits in a scene. Training scenes have more, so
# that each step learns from more digits.
DIGITS = {'train': (3, 6), 'test': (2, 4)}

# Ranges from which the appearance of each digit is drawn.
HEIGHTS = (40, 72)  # Pixels.
TURNS = (-12, 12)  # Degrees.
OPACITY = (0.9, 1.0)

# Least share of its pixels that an earlier digit keeps visible, and the number
# of places to try for a new digit before leaving it out.
VISIBLE = 0.9
PLACES = 10

# Least distance between the colour of a digit and the mean colour of the photo
# around it, in RGB of [0, 1] (the greatest possible one is 1.73).
CONTRAST = 0.8

# A pixel is ink if the enlarged digit, in [0, 1], is above this value.
INK = 0.45


class ScenesSource:
  """Scenes of 128 x 128 pixels: 6,000 for training, 100 for testing.

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
      labels: the classes that the user expects, or None.

    Raises:
      UserError: a photo is missing from the installed packages, or `labels`
        names other classes.
    """
    known = [palettes.find(name) for name in ('scenes', str(CLASSES))]
    if labels is not None and labels.palette.names not in [
      palette.names for palette in known
    ]:
      raise errors.UserError(
        f'data.classes names {labels.palette.classes} classes, but scenes has '
        f'{CLASSES} fixed ones: give --config.data.classes=scenes.'
      )
    from sklearn import datasets  # Slow to import.

    digits = datasets.load_digits()
    ends = (0, TRAIN_DIGITS) if split == 'train' else (TRAIN_DIGITS, None)
    self._digits = digits.images[slice(*ends)] / 16  # 16 is full ink.
    self._classes = digits.target[slice(*ends)]
    photos = registry.open_source('sample_photos', split, channels=3)
    self._photos = [
      Image.fromarray(photos[k]['image']) for k in range(len(photos))
    ]
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
    drawn: list[
      tuple[int, np.ndarray]
    ] = []  # Of each digit: its size, and its pixels still visible.
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
    """Returns a random part of a photo, float32 `[128, 128, 3]` in [0, 1]."""
    photo = self._photos[generator.integers(len(self._photos))]
    side = int(generator.integers(SIDE, min(photo.size) + 1))
    left, top = (int(generator.integers(n - side + 1)) for n in photo.size)
    box = (left, top, left + side, top + side)
    part = photo.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box)
    if generator.integers(2):
      part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(part, np.float32) / 255

  def _draw(
    self,
    generator: np.random.Generator,
    image: np.ndarray,
    label: np.ndarray,
    drawn: list[tuple[int, np.ndarray]],
  ) -> None:
    """Draws one digit into the arrays, in place, unless no place is free.

    Args:
      generator: the scene's random generator.
      image: `[128, 128, 3]` float32 in [0, 1].
      label: `[128, 128]` int32.
      drawn: of each earlier digit its number of pixels, and a mask of those
        that are still visible.
    """
    which = generator.integers(len(self._digits))
    height, turn = generator.uniform(*HEIGHTS), generator.uniform(*TURNS)
    coverage = render_digit(self._digits[which], height, turn)
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


def render_digit(digit: np.ndarray, height: float, turn: float) -> np.ndarray:
  """Enlarges and rotates a digit; returns the coverage of each pixel.

  Args:
    digit: `[8, 8]` float in [0, 1].
    height: height of the result's 8 rows, pixels.
    turn: rotation in degrees, anticlockwise.

  Returns:
    `[side, side]` float32 in [0, 1]; pixels above 0.5 belong to the digit.
    `side` is large enough for the rotated digit.
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
      Image.Transform.AFFINE,
      (cos, -sin, corner[0], sin, cos, corner[1]),
      Image.Resampling.BICUBIC,
    )
  )
  # Edges become about one pixel wide, because grey levels rise by about 0.5 per
  # pixel of the original digit.
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
