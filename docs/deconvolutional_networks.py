"""Draws the pictures of `deconvolutional_networks.md` from a trained network.

Run `python docs/deconvolutional_networks.py --workdir=runs/dn`, after training
`experiments/deconvolutional.py` there.
"""

import argparse
import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

SIDE = 96  # Of the middle of the photo that is taken apart, pixels.


def draw(workdir, folder) -> list[pathlib.Path]:
  """Writes the filters of each layer and a photo taken apart.

  Args:
    workdir: of the run.
    folder: for the pictures.

  Returns:
    Their paths.
  """
  from autoencoder import checkpoint
  from autoencoder import data
  from autoencoder import files
  from autoencoder import sparse
  from autoencoder.evaluation import feature_figures
  from autoencoder.evaluation import pictures

  model = checkpoint.load(workdir)
  source = data.open_source('sample_photos', 'test', channels=1)
  photo = source[2]['image'].astype(np.float32) / 255
  top, left = (photo.shape[0] - SIDE) // 2, (photo.shape[1] - SIDE) // 2
  image = photo[None, top : top + SIDE, left : left + SIDE]
  sheets = {
    f'deconvolutional_filters_{layer + 1}': feature_figures.filter_sheet(
      sparse.in_pixels(model, layer)
    )
    for layer in range(model.depth)
  }
  sheets['deconvolutional_photo'] = feature_figures.decomposition_sheet(
    model, image
  )
  return [
    files.write(
      pathlib.Path(folder) / f'{name}.png', pictures.encode(sheet, 'PNG')
    )
    for name, sheet in sheets.items()
  ]


if __name__ == '__main__':
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--workdir', required=True)
  arguments = parser.parse_args()
  for written in draw(arguments.workdir, ROOT / 'docs' / 'images'):
    print(written)
