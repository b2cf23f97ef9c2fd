"""The options of the mixture of real noise, `autoencoder.tasks.photo_noise`."""

import dataclasses

from autoencoder import config as config_lib
from autoencoder import errors


def _share(default: float, what: str) -> float:
  return config_lib.option(default, help=what, low=0, high=1)


def _range(low: float, high: float, what: str) -> tuple[float, ...]:
  return config_lib.option(
    (low, high), help=f'{what}: lowest and highest.', low=0
  )


@dataclasses.dataclass
class Options:
  """The parts of the mixture and their shares."""

  white: float = _share(
    0.0,
    'How often a crop gets white Gaussian noise. `white`, `camera` and '
    '`correlated` are proportions; all 0 turns the mixture off.',
  )
  camera: float = _share(
    0.0, 'How often a crop gets shot and read noise of a camera, demosaiced.'
  )
  correlated: float = _share(
    0.0, 'How often a crop gets Gaussian noise of a random covariance.'
  )
  white_sigma: tuple[float, ...] = _range(
    0.0, 55.0, 'Standard deviation of white noise, of 255'
  )
  correlated_sigma: tuple[float, ...] = _range(
    1.0, 25.0, 'Standard deviation of correlated noise, of 255, log-uniform'
  )
  shot: tuple[float, ...] = _range(
    5e-5,
    1e-2,
    'Variance of shot noise at full scale, log-uniform. Cameras have 1e-4 (low '
    'ISO) to 1e-2, and less where they remove some of it',
  )
  enlarged: float = _share(
    0.6,
    'Share of crops with camera or correlated noise of which a part is '
    'enlarged first: photos of many pixels have little detail in each.',
  )
  largest: float = config_lib.option(
    3.0, help='Largest factor by which it is enlarged.', low=1
  )
  soft: float = _share(
    0.7,
    'Share of crops with camera or correlated noise whose clean photo is '
    'blurred first: photos of cameras are soft at the scale of pixels, and '
    'grain in the training photos would teach to keep noise.',
  )
  softness: tuple[float, ...] = _range(0.3, 1.2, 'Width of that blur, pixels')
  smoothed: float = _share(
    0.85, 'Share of camera and correlated noise smoothed as cameras do.'
  )
  luma_width: tuple[float, ...] = _range(
    0.3, 1.3, 'Width of the filter that smooths noise of brightness, pixels'
  )
  chroma_width: tuple[float, ...] = _range(
    0.7, 4.5, 'Width of the filter that smooths noise of colour, pixels'
  )
  chroma_gain: tuple[float, ...] = _range(
    0.05, 0.7, 'Factor on the noise of colour, which cameras suppress'
  )
  coarse: tuple[float, ...] = _range(
    0.0,
    0.3,
    'Part of the power of smoothed brightness noise that is three times as '
    'wide',
  )
  rows: float = _share(0.05, 'Share of crops with row noise on top.')
  row_sigma: float = config_lib.option(
    5.0, help='Highest deviation of row noise, of 255.', low=0, high=255
  )
  grey: float = _share(
    0.25, 'Share of grey crops, with one noise for the three channels.'
  )
  flat: float = _share(
    0.02, 'Share of crops of one flat colour, half of them saturated.'
  )
  resized: float = _share(
    0.0, 'Share of crops shrunk and enlarged again; white noise is not.'
  )
  smallest: float = config_lib.option(
    0.6, help='Smallest factor by which they are shrunk.', above=0, high=1
  )
  jpeg: float = _share(
    0.9, 'Share that goes through JPEG; half of it for white noise.'
  )
  quality: tuple[float, ...] = _range(60.0, 95.0, 'Quality of the JPEG')
  rounded: float = _share(
    0.5,
    'Share of white noise that is clipped and rounded to 8 bits; all other '
    'kinds always are.',
  )

  measured: str = config_lib.option(
    'camera',
    help='Noise that a measurement adds, the same for every image: of a camera '
    'at a high ISO, with JPEG, or white noise of `sigma`.',
    choices=('camera', 'white'),
  )

  @property
  def active(self) -> bool:
    """Whether there is a mixture at all."""
    return self.white + self.camera + self.correlated > 0

  def validate(self) -> None:
    """Raises `UserError` for a range that is not two numbers in order."""
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      if isinstance(value, tuple) and not (
        len(value) == 2 and value[0] <= value[1]
      ):
        raise errors.UserError(
          f'mixture.{field.name} takes two numbers in order, lowest and '
          f'highest; got {value}.'
        )

  def for_evaluation(self) -> 'Options':
    """Returns the noise to measure with: a camera at a high ISO, then JPEG.

    A mixture has no one strength. Measurements draw the same for every image,
    and this fixes what it is.
    """
    if not self.active:
      return self
    if self.measured == 'white':
      return dataclasses.replace(self, white=0.0, camera=0.0, correlated=0.0)
    return dataclasses.replace(
      self,
      white=0.0,
      camera=1.0,
      correlated=0.0,
      shot=(2e-3, 2e-3),
      enlarged=0.0,
      soft=0.0,
      smoothed=1.0,
      luma_width=(0.7, 0.7),
      chroma_width=(2.0, 2.0),
      chroma_gain=(0.5, 0.5),
      coarse=(0.1, 0.1),
      rows=0.0,
      grey=0.0,
      flat=0.0,
      resized=0.0,
      jpeg=1.0,
      quality=(90.0, 90.0),
    )
