"""Measures denoisers on what people own: camera JPEGs, grey photos, 8 bits.

    python benchmarks/real_photos.py --data=DATA \
        --models pretrained:denoising [--parts camera grey white]

DATA holds the folders PolyU (`*_real.JPG` beside `*_mean.JPG`), BSD68 and
Kodak24. Three parts:

camera  PolyU: real noise. The models see all 100 crops. They stand beside
        classical methods on every `--every`-th crop, each with its noise level
        estimated from the crop (`skimage.restoration.estimate_sigma`), as a
        person would have to, and at the fixed level that is best on average
        over these crops, which favours the method.
grey    BSD68 with one noise for all three channels, clipped and rounded to 8
        bits, through the path of `--mode=apply`.
white   The protocols of published tables: BSD68 in grey and the 500 x 500
        centre of Kodak24 in colour, sigma 25 and 50, noise of a generator
        that is seeded with 0 for each image, neither clipped nor rounded.

Wavelets and the estimate need PyWavelets; BM3D needs `pip install bm3d` and is
left out without it. The results file keeps what was measured before, and its
tables are written into docs/real_photos.md.
"""

from collections.abc import Callable
import json
import pathlib
import sys
import time

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder import inference  # noqa: E402
from autoencoder.evaluation import baselines  # noqa: E402
from autoencoder.image import metrics  # noqa: E402
from autoencoder.runs import checkpoint  # noqa: E402
from autoencoder.runs import packaged  # noqa: E402
from autoencoder.runs import provenance  # noqa: E402
from autoencoder.runs import workdir  # noqa: E402
from benchmarks import common  # noqa: E402

PAGE = ROOT / 'docs' / 'real_photos.md'

GREY_SIGMAS = (5, 10, 15, 25, 40, 50)
WHITE_SIGMAS = (25, 50)
# Noise levels, on the scale of 255, that are tried for each classical method.
LEVELS = (2, 3, 5, 7, 10)


def main() -> None:
  parser = common.make_parser(__doc__, 'real_photos')
  common.add_data(parser, 'PolyU, BSD68 and Kodak24')
  parser.add_argument('--models', nargs='*', default=['pretrained:denoising'])
  parts = {'camera': camera, 'grey': grey, 'white': white}
  parser.add_argument('--parts', nargs='*', choices=parts, default=[*parts])
  parser.add_argument(
    '--methods',
    nargs='*',
    choices=METHODS,
    default=[*METHODS],
    help='classical methods of the part camera',
  )
  parser.add_argument(
    '--every',
    type=int,
    default=5,
    help='classical methods see every n-th crop of PolyU. Default: 5',
  )
  options = parser.parse_args()
  results = {}
  if options.output.exists():
    results = json.loads(options.output.read_text())

  def record(part: str, row: str, values: dict) -> None:
    results.setdefault(part, {})[row] = values | provenance.describe()
    common.write_json(options.output, results)
    print(part, row, json.dumps(values), flush=True)

  for part in options.parts:
    parts[part](options, record)
  if options.output == common.RESULTS / 'real_photos.json':
    common.fill(PAGE, tables(results))


class Model:
  """A model in the two ways it is used: on photos, and on arrays."""

  def __init__(self, name: str):
    model = checkpoint.load(name)
    run = workdir.load(packaged.resolve(name))
    config = run.config.for_evaluation()
    self.channels = config.data.channels
    self.restore = inference.make_photo_restorer(model, run.task, config)
    self._predict = inference.make_predictor(model)

  def predict(self, noisy: np.ndarray) -> np.ndarray:
    """Restores floats `[H, W, C]`, grey ones as three equal channels."""
    grey = noisy.shape[-1] == 1 and self.channels == 3
    inputs = np.repeat(noisy, 3, axis=-1) if grey else noisy
    answer = self._predict(inputs[None].astype(np.float32))[0]
    answer = answer.mean(axis=-1, keepdims=True) if grey else answer
    return np.clip(answer, 0, 1)


def camera(options, record) -> None:
  """Real noise: PolyU."""
  paths = sorted((options.data / 'PolyU').glob('*_real.JPG'))
  pairs = [(p, p.with_name(p.name.replace('_real', '_mean'))) for p in paths]
  few = pairs[:: options.every]
  record('camera', 'input', over(pairs, few, lambda pixels: pixels))
  for name in options.models:
    record('camera', name, over(pairs, few, Model(name).restore))
  for name in options.methods:
    try:
      method = METHODS[name]
      method(np.zeros((16, 16, 3), np.float32), 0.01)
    except ImportError as error:
      print(f'{name} is left out: {error}')
      continue
    record('camera', f'{name}, estimated', classical(few, method, None))
    tried = [classical(few, method, level) for level in LEVELS]
    best = max(tried, key=lambda values: values['psnr'])
    best['tried'] = {v['level']: round(v['psnr'], 3) for v in tried}
    record('camera', f'{name}, best fixed', best)


def over(pairs, few, function: Callable[[np.ndarray], np.ndarray]) -> dict:
  """Means over all pairs, and over few."""
  started = time.perf_counter()
  scores = {real: score(real, mean, function) for real, mean in pairs}
  return {
    'psnr': average(scores.values(), 0),
    'ssim': average(scores.values(), 1),
    'images': len(scores),
    'psnr_few': average([scores[real] for real, _ in few], 0),
    'ssim_few': average([scores[real] for real, _ in few], 1),
    'images_few': len(few),
    'seconds': time.perf_counter() - started,
  }


def classical(few, method, level: float | None) -> dict:
  """Means of a method told `level`, or the level estimated from each crop."""
  from skimage import restoration

  def run(pixels: np.ndarray) -> np.ndarray:
    noisy = pixels.astype(np.float32) / 255
    sigma = None if level is None else level / 255
    if sigma is None:
      sigma = restoration.estimate_sigma(
        noisy, channel_axis=-1, average_sigmas=True
      )
    return rounded(method(noisy, float(sigma)))

  started = time.perf_counter()
  scores = [score(real, mean, run) for real, mean in few]
  return {
    'psnr': average(scores, 0),
    'ssim': average(scores, 1),
    'images': len(scores),
    'level': level,
    'seconds': time.perf_counter() - started,
  }


def wavelet(noisy: np.ndarray, sigma: float) -> np.ndarray:
  from skimage import restoration

  return restoration.denoise_wavelet(
    noisy,
    sigma=[sigma] * 3,
    method='BayesShrink',
    convert2ycbcr=True,
    rescale_sigma=True,
    channel_axis=-1,
  )


def bm3d(noisy: np.ndarray, sigma: float) -> np.ndarray:
  import bm3d as library

  return library.bm3d_rgb(noisy, max(sigma, 1e-4))


METHODS = {
  'non-local means': baselines.non_local_means,
  'total variation': baselines.total_variation,
  'wavelet': wavelet,
  'bm3d': bm3d,
}


def grey(options, record) -> None:
  """Grey photos of 8 bits, as a scan of them would be."""
  clean = [pixels[..., :1] for pixels in folder(options.data / 'BSD68')]
  for name in ['input', *options.models]:
    restore = Model(name).restore if name != 'input' else lambda x: x
    values = {}
    for sigma in GREY_SIGMAS:
      scores = []
      for pixels in clean:
        noisy = rounded(pixels / 255 + noise(pixels.shape, sigma))
        scores.append(compare(restore(noisy), pixels))
      values[f'psnr_{sigma}'] = average(scores, 0)
      values[f'ssim_{sigma}'] = average(scores, 1)
    record('grey', name, values | {'images': len(clean)})


def white(options, record) -> None:
  """White noise as in published tables."""
  sets = {
    'BSD68': [pixels[..., :1] for pixels in folder(options.data / 'BSD68')],
    'Kodak24': [center(x, 500) for x in folder(options.data / 'Kodak24')],
  }
  for name in options.models:
    model, values = Model(name), {}
    for title, photos in sets.items():
      for sigma in WHITE_SIGMAS:
        scores = []
        for pixels in photos:
          photo = pixels / 255
          answer = model.predict(photo + noise(photo.shape, sigma))
          scores.append(compare(255 * answer, pixels))
        values[f'{title}_psnr_{sigma}'] = average(scores, 0)
        values[f'{title}_ssim_{sigma}'] = average(scores, 1)
    record('white', name, values)


def tables(results: dict) -> dict[str, str]:
  """Returns the tables of the page by the names of their markers."""
  few = 'psnr_few', 'ssim_few'
  lines = [
    '| PolyU | PSNR, every fifth crop | SSIM | PSNR, all 100 | SSIM |',
    '|:--|--:|--:|--:|--:|',
  ]
  for row, values in results['camera'].items():
    names = ('psnr', 'ssim') if few[0] not in values else (*few, 'psnr', 'ssim')
    cells = [f'{values[n]:.{4 if "ssim" in n else 2}f}' for n in names]
    level = values.get('level')
    told = f' (sigma {level:g})' if level else ''
    lines.append(f'| {row}{told} | {" | ".join((cells + [""] * 2)[:4])} |')
  found = {'camera': '\n'.join(lines)}
  for part, title in (('grey', 'BSD68, 8 bits'), ('white', 'not rounded')):
    rows = results.get(part, {})
    names = list(
      dict.fromkeys(n for row in rows.values() for n in row if 'psnr' in n)
    )
    heads = [n.replace('_psnr', '').replace('psnr_', 'sigma ') for n in names]
    heads = [head.replace('_', ', sigma ') for head in heads]
    lines = [f'| {title}, PSNR | {" | ".join(heads)} |']
    lines.append('|:--' + '|--:' * len(names) + '|')
    for row, values in rows.items():
      cells = [f'{values[n]:.2f}' if n in values else '' for n in names]
      lines.append(f'| {row} | {" | ".join(cells)} |')
    found[part] = '\n'.join(lines)
  return found


def noise(shape: tuple[int, ...], sigma: float) -> np.ndarray:
  return np.random.RandomState(0).randn(*shape) * sigma / 255


def folder(path: pathlib.Path) -> list[np.ndarray]:
  return [read(each) for each in sorted(path.glob('*.png'))]


def read(path: pathlib.Path) -> np.ndarray:
  pixels = np.asarray(Image.open(path))
  return pixels if pixels.ndim == 3 else pixels[..., None]


def center(pixels: np.ndarray, side: int) -> np.ndarray:
  top, left = ((size - side) // 2 for size in pixels.shape[:2])
  return pixels[top : top + side, left : left + side]


def rounded(image: np.ndarray) -> np.ndarray:
  return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)


def score(real, mean, function) -> tuple[float, float]:
  return compare(function(read(real)), read(mean))


def compare(output: np.ndarray, target: np.ndarray) -> tuple[float, float]:
  """PSNR in dB and SSIM of two pictures on the scale of 255."""
  pair = [np.asarray(x, np.float32)[None] / 255 for x in (output, target)]
  error = np.mean((pair[0].astype(np.float64) - pair[1]) ** 2)
  return float(-10 * np.log10(error)), float(metrics.ssim(*pair)[0])


def average(scores, index: int) -> float:
  return float(np.mean([score[index] for score in scores]))


if __name__ == '__main__':
  main()
