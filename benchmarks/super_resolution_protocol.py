"""Our bicubic against MATLAB's, and against the published bicubic rows.

    python benchmarks/super_resolution_protocol.py --sets=FOLDER

FOLDER holds the usual `Set5` and `Set14` and, for the comparison pixel by
pixel, `Set5_LR_matlab_bicubic/X2`, `X3` and `X4` as MATLAB's `imresize` made
them (names such as `babyx2.png`); all are in the archives that papers on
super-resolution link to.

The published rows date from networks of the Y channel (Dong et al., SRCNN,
arXiv:1501.00092): Y of the large picture, rounded; shrunk and enlarged without
rounding between; rounded and shaved by the scale. Colour networks, ours too,
see and answer RGB of 8 bits, and Y is taken last: the other column. Set14's
`bridge` has a single channel, which stands for Y as it is.
Writes benchmarks/results/super_resolution_protocol.json and prints it.
"""

import argparse
import functools
import json
import pathlib
import sys

import jax
import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from autoencoder.image import metrics  # noqa: E402
from autoencoder.image import resize  # noqa: E402
from autoencoder.runs import files  # noqa: E402
from autoencoder.runs import provenance  # noqa: E402

RESULTS = ROOT / 'benchmarks' / 'results' / 'super_resolution_protocol.json'
SCALES = (2, 3, 4)
# PSNR and SSIM of Y, as the papers since VDSR (arXiv:1511.04587) quote them.
PUBLISHED = {
  ('Set5', 2): (33.66, 0.9299),
  ('Set5', 3): (30.39, 0.8682),
  ('Set5', 4): (28.42, 0.8104),
  ('Set14', 2): (30.24, 0.8688),
  ('Set14', 3): (27.55, 0.7742),
  ('Set14', 4): (26.00, 0.7027),
}


def main():
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--sets', required=True, help='folder of Set5 and Set14')
  parser.add_argument('--output', type=pathlib.Path, default=RESULTS)
  options = parser.parse_args()
  root = pathlib.Path(options.sets)
  result = {'different_pixels': {}, 'bicubic': {}}
  print('Shrunk pixels that differ from MATLAB, of all')
  for scale in SCALES:
    different, total = compare_with_matlab(root, scale)
    result['different_pixels'][f'Set5 x{scale}'] = {
      'different': different,
      'of': total,
    }
    print(f'  Set5 x{scale}  {different:,} of {total:,}')
  print('Bicubic, dB and SSIM of Y   published      as Y          as RGB')
  for (name, scale), published in PUBLISHED.items():
    rows = {'published': published}
    for row, measure in (('as Y', through_y), ('as RGB', through_rgb)):
      values = [
        measure(read(path), scale) for path in sorted((root / name).glob('*.*'))
      ]
      rows[row] = np.mean(values, axis=0).tolist()
    result['bicubic'][f'{name} x{scale}'] = {
      row: {'psnr_y': psnr, 'ssim_y': ssim}
      for row, (psnr, ssim) in rows.items()
    }
    numbers = '  '.join(
      f'{psnr:.2f} {ssim:.4f}' for psnr, ssim in rows.values()
    )
    print(f'  {name + f" x{scale}":24}  {numbers}')
  result |= provenance.describe()
  # Where the sets lie on this machine means nothing elsewhere.
  result['command'] = (
    'python benchmarks/super_resolution_protocol.py --sets=DATA'
  )
  files.write_bytes(
    options.output, (json.dumps(result, indent=2) + '\n').encode()
  )


def compare_with_matlab(root, scale):
  """Returns how many pixels of Set5, shrunk, differ, and how many there are."""
  different = total = 0
  for path in sorted((root / 'Set5').glob('*.*')):
    large = resize.crop_to_multiple(read(path), scale)
    small = np.asarray(shrink(large, scale))
    name = path.stem.removesuffix('_GT') + f'x{scale}.png'
    folder = root / 'Set5_LR_matlab_bicubic' / f'X{scale}'
    wrong = np.rint(small * 255) != np.rint(read(folder / name) * 255)
    different, total = different + int(wrong.sum()), total + wrong.size
  return different, total


def read(path):
  """Returns `[H, W, 1 or 3]` float32 in [0, 1]."""
  with Image.open(path) as image:
    pixels = np.asarray(image if image.mode == 'L' else image.convert('RGB'))
  return np.float32(pixels.reshape(*pixels.shape[:2], -1)) / 255


@functools.partial(jax.jit, static_argnums=1)
def shrink(image, scale):
  """Makes the small picture, as uint8 would be."""
  return resize.bicubic(image, 1 / scale, eight_bit=True)


@functools.partial(jax.jit, static_argnums=1)
def through_y(image, scale):
  """Measures what shrinking and enlarging, unrounded, leaves of rounded Y."""
  if image.shape[-1] == 3:
    weights = jax.numpy.array([[65.481], [128.553], [24.966]])
    image = (16 + jax.numpy.matmul(image, weights, precision='highest')) / 255
  target = metrics.quantize(resize.crop_to_multiple(image, scale))
  small = resize.bicubic(target, 1 / scale)
  return compare(resize.bicubic(small, scale), target, scale)


@functools.partial(jax.jit, static_argnums=1)
def through_rgb(image, scale):
  """Measures Y of what the same leaves of RGB, at 8 bits in every step."""
  target = resize.crop_to_multiple(image, scale)
  small = resize.bicubic(target, 1 / scale, eight_bit=True)
  return compare(resize.bicubic(small, scale, eight_bit=True), target, scale)


def compare(output, target, scale):
  """Returns PSNR and SSIM of Y inside the border."""
  pair = [
    metrics.shave(x[None], scale) for x in (metrics.quantize(output), target)
  ]
  return metrics.psnr_y(*pair)[0], metrics.ssim_y(*pair)[0]


if __name__ == '__main__':
  main()
