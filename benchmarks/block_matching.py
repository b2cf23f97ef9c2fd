"""BM3D, where VapourSynth and its plugin are installed, to be compared with.

    pip install vapoursynth vapoursynth-bm3d   # Python 3.12 or newer.
    python benchmarks/block_matching.py --data=folder:Set12

prints its mean PSNR over grey photos at several multiples of the noise's sigma.
The authors' own package, `bm3d`, is for non-commercial use only, and OpenCV's
wheels leave theirs out; this implementation is under the MIT licence.
"""

import argparse
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

# Told the sigma of the noise, it leaves much of it. `FACTOR` is the best of
# these on Set12, on which nothing is compared with it.
FACTORS = (1.0, 1.4, 1.5, 1.6)
FACTOR = 1.5
_SIGMA = 25.0


def bm3d(
  noisy: np.ndarray, sigma: float, *, factor: float = FACTOR
) -> np.ndarray:
  """Returns a grey image without noise: BM3D, both stages, normal profile.

  Args:
    noisy: `[H, W, 1]` float32, about [0, 1], not clipped.
    sigma: standard deviation of the noise, on the same scale.
    factor: times sigma, what the implementation is told.

  Returns:
    `[H, W, 1]` float32, not clipped.

  Raises:
    ImportError: if VapourSynth or the plugin is not installed.

  References:
    Dabov, Foi, Katkovnik, Egiazarian, "Image denoising by sparse 3-D
    transform-domain collaborative filtering", IEEE TIP 2007;
    github.com/HomeOfVapourSynthEvolution/VapourSynth-BM3D.
  """
  missing = 'it needs VapourSynth: pip install vapoursynth vapoursynth-bm3d'
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
  told = {'profile': 'np', 'sigma': 255 * factor * sigma}
  final = core.bm3d.Final(clip, core.bm3d.Basic(clip, **told), **told)
  with final.get_frame(0) as frame:
    return np.array(frame[0], np.float32)[..., None]


def main() -> None:
  import jax

  from autoencoder import data
  from autoencoder.image import corruptions
  from autoencoder.image import metrics

  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--data', default='folder:Set12')
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
      f'BM3D, sigma {_SIGMA:g}, told {factor:g} times as much: '
      f'{np.mean(values):.2f} dB'
    )


if __name__ == '__main__':
  main()
