"""Classical image codecs as baselines, through Pillow.

Each takes an image and a setting, such as JPEG's quality, and returns the file
and the image read back from it.
"""

import bisect
from collections.abc import Callable
from collections.abc import Sequence
import io
from typing import Any
from typing import NamedTuple

import numpy as np
from PIL import Image


class ImageCodec(NamedTuple):
  """A codec and its settings, ordered from the smallest file to the largest.

  Attributes:
    save: `setting -> arguments of PIL.Image.Image.save`.
    settings: all settings, or finely spaced ones.
    tried: the settings of a rate-distortion curve.
  """

  save: Callable[[float], dict[str, Any]]
  settings: Sequence[float]
  tried: Sequence[float]

  def run(self, image: np.ndarray, setting: float) -> tuple[bytes, np.ndarray]:
    """Returns the file and the `[H, W, 3]` uint8 image read back from it.

    Args:
      image: `[H, W, 3]` uint8.
      setting: one of `settings`.

    Example:

      data, decoded = CODECS['JPEG'].run(image, 75)
    """
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, **self.save(setting))
    with Image.open(buffer) as decoded:
      return buffer.getvalue(), np.asarray(decoded.convert('RGB'))

  def setting_for(self, image: np.ndarray, size: int) -> float:
    """Returns the setting of the smallest file of at least `size` bytes.

    It is the last setting if no file is that large.
    """
    index = bisect.bisect_left(
      self.settings, size, key=lambda each: len(self.run(image, each)[0])
    )
    return self.settings[min(index, len(self.settings) - 1)]


_TRIED = (1, 2, 5, 8, 12, 16, 20, 25, 30, 40, 50, 60, 70, 80, 85, 90, 95)
# Compression ratios with steps of 3 %.
_RATIOS = tuple(np.geomspace(480, 4, 163).round(3).tolist())

CODECS = {
  # 4:2:0 subsampling (Pillow's default) and optimal Huffman tables make the
  # smallest files.
  'JPEG': ImageCodec(
    lambda setting: {'format': 'JPEG', 'quality': setting, 'optimize': True},
    range(1, 101),
    _TRIED,
  ),
  # The irreversible wavelet at a given compression ratio. Without `mct` Pillow
  # codes R, G and B separately, which makes files larger than JPEG's.
  'JPEG 2000': ImageCodec(
    lambda setting: {
      'format': 'JPEG2000',
      'irreversible': True,
      'mct': 1,
      'quality_mode': 'rates',
      'quality_layers': [setting],
    },
    _RATIOS,
    _RATIOS[::12],
  ),
  # Method 6 is the slowest and makes the smallest files.
  'WebP': ImageCodec(
    lambda setting: {'format': 'WEBP', 'quality': setting, 'method': 6},
    range(101),
    (0, *_TRIED),
  ),
}
