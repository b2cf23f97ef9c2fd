"""Figures of a model of sparse maps: its filters, and an image decomposed."""

import jax.numpy as jnp
import numpy as np

from autoencoder import models
from autoencoder import sparse
from autoencoder.evaluation import pictures
from autoencoder.evaluation import pixels
from autoencoder.evaluation import results as results_lib
from autoencoder.inference import predictor

# Filters and maps are enlarged up to about these sides, in pixels.
_FILTER_SIDE, _MAP_SIDE = 84, 192
_COLUMNS = 8
_STRONGEST = 6


def draw(
  model: models.Decomposable, image: np.ndarray
) -> list[results_lib.Figure]:
  """Returns figures of each layer's filters, and of one image decomposed.

  Args:
    model: a network of grey images.
    image: `[1, H, W, 1]` float32 in [0, 1].
  """
  figures = []
  for layer in range(model.depth):
    filters = sparse.in_pixels(model, layer)
    caption = (
      'Each square shows the pixels that one coefficient adds; grey is 0. '
      f'{filters.shape[1]} x {filters.shape[2]} pixels.'
    )
    title = f'Filters of layer {layer + 1}' + ', in pixels' * (layer > 0)
    figures.append(results_lib.Figure(title, caption, filter_sheet(filters)))
  figures.append(
    results_lib.Figure(
      'Decomposition of an image',
      'First row: the image, the image after contrast normalisation, and its '
      'reconstruction from the maps of each layer. Below, for each layer, the '
      'maps with the largest coefficients (dark: below 0), and under each its '
      'contribution to the image.',
      decomposition_sheet(model, image),
    )
  )
  return figures


def filter_sheet(filters: np.ndarray) -> np.ndarray:
  """Draws filters in rows of eight, each at its own full contrast.

  Args:
    filters: `[K, h, w, 1]`.

  Returns:
    `[H, W, 3]` uint8.
  """
  factor = pixels.enlargement(filters.shape[1], _FILTER_SIDE)
  tiles = [pixels.enlarge(pixels.signed(each), factor) for each in filters]
  columns = min(_COLUMNS, len(tiles))
  return pixels.mosaic(tiles, columns, gap=12, border=6)


def decomposition_sheet(
  model: models.Decomposable, image: np.ndarray
) -> np.ndarray:
  """Draws an image, its reconstructions and its strongest maps, with titles.

  Args:
    model: a network of grey images.
    image: `[1, H, W, 1]` float32 in [0, 1].

  Returns:
    `[H, W, 3]` uint8.
  """

  def decompose(model, image):
    found = model.decompose(image)
    return (
      found.below[0],
      found.maps,
      [model.project(maps, layer) for layer, maps in enumerate(found.maps)],
    )

  compiled = predictor.compile_with_model(model, decompose)
  normalised, maps, reconstructions = compiled(image)
  white = float(np.abs(normalised).max())
  cells = [
    pictures.Cell(pixels.to_rgb(pixels.to_bytes(image[0])), 'image', ''),
    pictures.Cell(
      pixels.signed(normalised[0], white), 'normalised', 'input of layer 1'
    ),
  ]
  for layer, (found, made) in enumerate(zip(maps, reconstructions)):
    count = np.count_nonzero(found) / image[0].size
    note = f'{count:.2f} coefficients a pixel'
    panel = pixels.signed(made[0], white)
    cells.append(pictures.Cell(panel, f'layer {layer + 1}', note))
  _fill_row(cells)
  for layer, found in enumerate(maps):
    cells += _strongest(model, layer, np.asarray(found), white)
    _fill_row(cells)
  factor = pixels.enlargement(image.shape[1], _MAP_SIDE)
  return pictures.sheet(
    [cell._replace(panel=pixels.enlarge(cell.panel, factor)) for cell in cells],
    _STRONGEST,
  )


def _strongest(
  model: models.Decomposable,
  layer: int,
  maps: np.ndarray,
  white: float,
) -> list[pictures.Cell]:
  """Returns a row of a layer's strongest maps, and one of their contributions.

  Args:
    model: the network.
    layer: 0 is the first.
    maps: of the layer, `[1, H, W, K]`.
    white: the value drawn white in the normalised image.
  """
  energy = np.square(maps).sum((0, 1, 2))
  chosen = np.argsort(-energy)[:_STRONGEST]
  largest = np.abs(maps).max()
  alone = np.zeros((len(chosen), *maps.shape[1:]), np.float32)
  above, below = [], []
  for row, channel in enumerate(chosen):
    alone[row, ..., channel] = maps[0, ..., channel]
    shown = maps[0, ..., channel : channel + 1] / largest
    # A few coefficients are far larger than the others: compress their range.
    shown = np.sign(shown) * np.abs(shown) ** 0.5
    title = f'layer {layer + 1}, map {channel}'
    above.append(pictures.Cell(pixels.signed(shown, 1.0), title, ''))
  for added in np.asarray(model.project(jnp.asarray(alone), layer)):
    # One map adds less than all of them: twice the contrast.
    panel = pixels.signed(added, white / 2)
    below.append(pictures.Cell(panel, '', 'contribution, x 2'))
  return above + below


def _fill_row(cells: list[pictures.Cell]) -> None:
  """Completes the last row with white cells."""
  blank = pictures.Cell(np.full_like(cells[0].panel, 255), '', '')
  cells += [blank] * (-len(cells) % _STRONGEST)
