"""Draws the picture of `segmentation.md` and prints its table of stages.

    python docs/segmentation.py --workdir=pretrained:segmentation

Shows how one scene passes through a trained network. `--workdir` can also be a
run of `experiments/segmentation.py`.
"""

import argparse
import pathlib
import sys
from typing import NamedTuple

import jax
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

PATH = ROOT / 'docs' / 'images' / 'segmentation.png'
SCENE = 4  # Index among the test scenes.
TEXT, QUIET = '#2a323b', '#5d6873'  # Colours of text and of arrows.


class Stage(NamedTuple):
  """The features after a part of the network.

  Attributes:
    name: such as 'encoder 1'.
    layer: the layers that compute it from the previous stage.
    features: `[1, h, w, C]`.
  """

  name: str
  layer: str
  features: jax.Array


def stages(model, image: jax.Array) -> list[Stage]:
  """Returns the features of every stage of a model with skip connections.

  Args:
    model: an `Autoencoder` whose decoder has transposed convolutions.
    image: `[1, H, W, C]`, H and W multiples of `model.stride`.
  """
  encoded = model.encode(image)
  side = _size(model.encoder.down0)
  first = f'{side} x {side} convolution, stride {_stride(model.encoder.down0)}'
  found = [Stage('image', '', image)]
  for scale, features in enumerate(encoded.skips):
    layer = first if scale == 0 else '2 x 2 convolution, stride 2'
    name = f'encoder {scale + 1}'
    found.append(Stage(name, f'{layer}, residual block', features))
  found.append(Stage('bottleneck', '1 x 1 convolution', encoded.latent))
  decoder = model.decoder
  x, layer = decoder.from_latent(encoded.latent), '1 x 1 convolution'
  for scale in reversed(range(decoder.scales)):
    x = x + encoded.skips[scale]
    for block in range(decoder.blocks):
      x = getattr(decoder, f'block{scale}_{block}')(x)
    name = f'decoder {scale + 1}'
    layer = f'{layer}, + encoder {scale + 1}, residual block'
    found.append(Stage(name, layer, x))
    up = getattr(decoder, f'up{scale}')
    size, x = _size(up), up(x)
    layer = f'{size} x {size} transposed convolution, stride {_stride(up)}'
  return [*found, Stage('logits', layer, x)]


def _size(layer) -> int:
  return layer.kernel.shape[0]


def _stride(layer) -> int:
  return layer.strides[0]


def shape(stage: Stage) -> str:
  """Returns the size of the features, such as '32 x 32 x 48'."""
  return ' x '.join(map(str, stage.features.shape[1:]))


def table(found: list[Stage]) -> str:
  """Returns the Markdown table of the page."""
  lines = ['| stage | made by | height x width x channels |', '|:--|:--|--:|']
  for stage in found:
    lines.append(f'| {stage.name} | {stage.layer} | {shape(stage)} |')
  return '\n'.join(lines)


def in_color(features: np.ndarray) -> np.ndarray:
  """Maps the first three principal components of `[h, w, C]` to RGB."""
  height, width, channels = features.shape
  flat = features.reshape(-1, channels).astype(np.float64)
  flat = flat - flat.mean(0)
  *_, axes = np.linalg.svd(flat, full_matrices=False)
  parts = flat @ axes[:3].T
  parts = parts / np.maximum(np.abs(parts).max(0), 1e-9)
  return (parts.reshape(height, width, -1) + 1) / 2


def draw(found: list[Stage], palette, path: pathlib.Path) -> None:
  """Draws the encoder above the decoder, with stages of one size aligned."""
  import matplotlib

  matplotlib.use('Agg')
  import matplotlib.pyplot as plt

  from autoencoder.image import palettes

  half = len(found) // 2
  encoder, decoder = found[: half + 1], found[half + 1 :][::-1]
  figure, axes = plt.subplots(
    2, half + 1, figsize=(2.1 * (half + 1), 5.4), dpi=110
  )
  figure.subplots_adjust(hspace=0.45)
  for axis in axes.flat:
    axis.axis('off')
  for row, line in zip(axes, (encoder, decoder)):
    for axis, stage in zip(row, line):
      features = np.asarray(stage.features[0])
      if stage.name == 'logits':
        picture = palettes.colorize(features.argmax(-1), palette)
        title = 'class of every pixel'
      else:
        title = stage.name
        is_image = stage.name == 'image'
        picture = features if is_image else in_color(features)
      axis.imshow(picture, interpolation='nearest')
      axis.set_title(f'{title}\n{shape(stage)}', fontsize=9, color=TEXT)
  for column in range(half):
    arrow = {'ha': 'center', 'va': 'center', 'fontsize': 13, 'color': QUIET}
    for row, sign in ((0, '→'), (1, '←')):
      left, right = axes[row, column], axes[row, column + 1]
      at = (left.get_position().x1 + right.get_position().x0) / 2
      middle = left.get_position().y0 + left.get_position().height / 2
      if row == 0 or column < half - 1:
        figure.text(at, middle, sign, **arrow)
  for axis in axes[0, 1:half]:
    place = axis.get_position()
    figure.text((place.x0 + place.x1) / 2, place.y0 - 0.035, '↓ +', **arrow)
  figure.text(
    axes[1, half].get_position().x0, 0.28, '← from the\n   bottleneck',
    fontsize=9, color=QUIET,
  )  # fmt: skip
  figure.savefig(path, bbox_inches='tight', facecolor='white')
  plt.close(figure)


def main() -> None:
  from autoencoder import data
  from autoencoder.image import palettes
  from autoencoder.runs import checkpoint

  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument(
    '--workdir',
    default='runs/segmentation',
    help='a run, or pretrained:segmentation. Default: runs/segmentation',
  )
  options = parser.parse_args()
  palette = palettes.find('scenes')
  source = data.open_source(
    'scenes', 'test', channels=3, labels=data.LabelFormat(palette)
  )
  image = source[SCENE]['image'][None].astype(np.float32) / 255
  found = stages(checkpoint.load(options.workdir), image)
  draw(found, palette, PATH)
  print(table(found))


if __name__ == '__main__':
  main()
