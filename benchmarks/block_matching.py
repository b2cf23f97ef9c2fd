"""BM3D as a baseline, if VapourSynth and its BM3D plugin are installed.

    pip install vapoursynth vapoursynth-bm3d   # Python 3.12 or newer.
    python benchmarks/block_matching.py --data=folder:Set12

Prints the mean PSNR over grey photos for several values of BM3D's parameter
sigma. This implementation has the MIT licence. The package `bm3d` of the
method's authors is for non-commercial use only, and the wheels of OpenCV do not
contain theirs.
"""

import argparse
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

# With the true sigma of the noise, this implementation leaves much of it. The
# factors multiply the sigma that it is given. `FACTOR` is the best on Set12,
# which no comparison with our models uses.
FACTORS = (1.0, 1.4, 1.5, 1.6)
FACTOR = 1.5
_SIGMA = 25.0


def bm3d(
  noisy: np.ndarray, sigma: float, *, factor: float = FACTOR
) -> np.ndarray:
  """Denoises a grey image with both stages of BM3D, in its normal profile.

  Args:
    noisy: `[H, W, 1]` float32, about [0, 1], not clipped.
    sigma: standard deviation of the noise, on the same scale.
    factor: `factor * sigma` is the sigma that the implementation is given.

  Returns:
    `[H, W, 1]` float32, not clipped.

  Raises:
    ImportError: if VapourSynth or the plugin is not installed.

  References:
    Dabov, Foi, Katkovnik, Egiazarian, "Image denoising by sparse 3-D
    transform-domain collaborative filtering", IEEE TIP 2007;
    github.com/HomeOfVapourSynthEvolution/VapourSynth-BM3D.
  """
  missing = 'BM3D needs VapourSynth: pip install vapoursynth vapoursynth-bm3d'
  try:
    import vapoursynth
  except ImportError as error:
    raise ImportError(missing) from error
  core = vapoursynth.core
  if not hasattr(core, 'bm3d'):
    raise ImportError(missing)
  height, width, _ = noisy.shape
  blank = core.std.BlankClip(
    format=vapoursynth.GRAYS, width=width, height=height, length=1
  )

  def fill(n, f):
    frame = f.copy()
    np.copyto(np.asarray(frame[0]), noisy[..., 0])
    return frame

  clip = core.std.ModifyFrame(blank, blank, fill)
  options = {'profile': 'np', 'sigma': 255 * factor * sigma}
  basic = core.bm3d.Basic(clip, **options)
  final = core.bm3d.Final(clip, basic, **options)
  with final.get_frame(0) as frame:
    return np.array(frame[0], np.float32)[..., None]


def main() -> None:
  import jax

  from autoencoder import data
  from autoencoder.image import corruptions
  from autoencoder.image import metrics

  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    '--data',
    default='folder:Set12',
    help='data source of grey photos. Default: folder:Set12',
  )
  source = data.open_source(parser.parse_args().data, 'test', channels=1)
  found = {factor: [] for factor in FACTORS}
  for index in range(len(source)):
    image = source[index]['image'].astype(np.float32) / 255
    noisy = corruptions.gaussian_noise(jax.random.key(0), image, _SIGMA / 255)
    for factor, values in found.items():
      restored = bm3d(np.asarray(noisy), _SIGMA / 255, factor=factor)
      values.append(float(metrics.psnr(restored[None], image[None])[0]))
  for factor, values in found.items():
    print(
      f'BM3D at sigma {_SIGMA:g}, given {factor:g} times that: '
      f'{np.mean(values):.2f} dB'
    )


if __name__ == '__main__':
  main()
