"""Updates the links and draws the pictures of `deconvolutional_networks.md`.

    python docs/deconvolutional_networks.py [--workdir=runs/dn]

Updates the line numbers in links to code. With `--workdir`, the run of a
trained `experiments/deconvolutional.py`, it also draws the pictures.
"""

import argparse
import pathlib
import re
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PAGE = ROOT / 'docs' / 'deconvolutional_networks.md'
LINK = re.compile(r'`(\w+)`\]\(\.\./(autoencoder/sparse/\w+\.py)#L\d+\)')
SIDE = 96  # Pixels a side of the central square that is decomposed.


def draw(workdir, folder) -> list[pathlib.Path]:
  """Draws the filters of each layer and the decomposition of a photo.

  Args:
    workdir: directory of the run.
    folder: folder for the pictures.

  Returns:
    The paths of the pictures.
  """
  from autoencoder import data
  from autoencoder import sparse
  from autoencoder.evaluation import feature_figures
  from autoencoder.evaluation import pixels
  from autoencoder.runs import checkpoint
  from autoencoder.runs import files

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
      pathlib.Path(folder) / f'{name}.png', pixels.encode(sheet, 'PNG')
    )
    for name, sheet in sheets.items()
  ]


def link(page: str) -> str:
  """Returns the page with links to the first lines of functions and classes."""

  def replace(found: re.Match) -> str:
    name, path = found.groups()
    begins = re.compile(rf'\s*(def|class) {name}\b')
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
      if begins.match(line):
        return f'`{name}`](../{path}#L{number})'
    raise ValueError(f'{path} has no {name}, which {PAGE.name} links to.')

  return LINK.sub(replace, page)


if __name__ == '__main__':
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--workdir', help='also draw the pictures, from this run')
  arguments = parser.parse_args()
  PAGE.write_text(link(PAGE.read_text()))
  if arguments.workdir:
    for written in draw(arguments.workdir, ROOT / 'docs' / 'images'):
      print(written)
