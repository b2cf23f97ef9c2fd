"""Compares our bicubic with MATLAB's and with the published bicubic figures.

    python benchmarks/super_resolution_protocol.py --sets=DATA

DATA holds the usual folders `Set5` and `Set14` and, for the comparison of
pixels, `Set5_LR_matlab_bicubic/X2`, `X3` and `X4`, which MATLAB's `imresize`
made (with names such as `babyx2.png`). All are in the archives that papers on
super-resolution link to.

Bicubic resizing is measured in two ways:

- As Y: the published figures date from networks for the Y channel (Dong et al.,
  SRCNN, arXiv:1501.00092). Y of the large picture is rounded, downscaled and
  upscaled without rounding in between, rounded again, and shaved by the scale.
- As RGB: networks for colour, like ours, receive and return 8-bit RGB. Y is
  computed at the end.

The picture `bridge` of Set14 has a single channel, which counts as Y. Writes
`benchmarks/results/super_resolution_protocol.json` and prints it.
"""

import functools
import pathlib
import sys

import jax
import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder.image import metrics
from autoencoder.image import resize
from autoencoder.runs import provenance
from benchmarks import common

SCALES = (2, 3, 4)
# PSNR in dB and SSIM of Y, as papers since VDSR (arXiv:1511.04587) quote them.
PUBLISHED = {
  ('Set5', 2): (33.66, 0.9299),
  ('Set5', 3): (30.39, 0.8682),
  ('Set5', 4): (28.42, 0.8104),
  ('Set14', 2): (30.24, 0.8688),
  ('Set14', 3): (27.55, 0.7742),
  ('Set14', 4): (26.00, 0.7027),
}


def main():
  parser = common.make_parser(__doc__, results='super_resolution_protocol')
  parser.add_argument(
    '--sets',
    type=pathlib.Path,
    required=True,
    metavar='DATA',
    help='folder that holds Set5, Set14 and Set5_LR_matlab_bicubic',
  )
  options = parser.parse_args()
  root = options.sets
  common.require_folders(
    parser, root, ['Set5', 'Set14', 'Set5_LR_matlab_bicubic']
  )
  result = {'different_pixels': {}, 'bicubic': {}}
  print('Pixels that differ from MATLAB after downscaling')
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
  # The path of the folder on this machine is of no use to a reader.
  result['command'] = (
    'python benchmarks/super_resolution_protocol.py --sets=DATA'
  )
  common.write_json(options.output, result)


def compare_with_matlab(root, scale):
  """Returns how many pixels of the downscaled Set5 differ, and their number."""
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
  """Returns the downscaled picture, rounded to 8 bits."""
  return resize.bicubic(image, 1 / scale, eight_bit=True)


@functools.partial(jax.jit, static_argnums=1)
def through_y(image, scale):
  """Returns PSNR and SSIM of rounded Y, resized without rounding."""
  if image.shape[-1] == 3:
    weights = jax.numpy.array([[65.481], [128.553], [24.966]])
    image = (16 + jax.numpy.matmul(image, weights, precision='highest')) / 255
  target = metrics.quantize(resize.crop_to_multiple(image, scale))
  small = resize.bicubic(target, 1 / scale)
  return compare(resize.bicubic(small, scale), target, scale)


@functools.partial(jax.jit, static_argnums=1)
def through_rgb(image, scale):
  """Returns PSNR and SSIM of Y of RGB, rounded to 8 bits after each step."""
  target = resize.crop_to_multiple(image, scale)
  small = resize.bicubic(target, 1 / scale, eight_bit=True)
  return compare(resize.bicubic(small, scale, eight_bit=True), target, scale)


def compare(output, target, scale):
  """Returns PSNR and SSIM of Y, without a border of `scale` pixels."""
  pair = [
    metrics.shave(x[None], scale) for x in (metrics.quantize(output), target)
  ]
  return metrics.psnr_y(*pair)[0], metrics.ssim_y(*pair)[0]


if __name__ == '__main__':
  main()
