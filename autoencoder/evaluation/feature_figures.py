"""Pictures of a deconvolutional network: filters, and an image taken apart."""

import numpy as np

from autoencoder import sparse
from autoencoder.evaluation import pictures
from autoencoder.evaluation import results as results_lib
from autoencoder.inference import predictor

# Side of a filter and of a map in a sheet, pixels, about.
_SIDE, _COLUMNS = 84, 8
_MAP_SIDE = 192
_STRONGEST = 6


def draw(
  model: sparse.DeconvolutionalNetwork, image: np.ndarray
) -> list[results_lib.Figure]:
  """Returns the filters of each layer in pixels, and one image decomposed.

  Args:
    model: the network, of grey images.
    image: `[1, H, W, 1]` float32 in [0, 1].
  """
  figures = []
  for layer in range(model.depth):
    filters = sparse.in_pixels(model, layer)
    caption = (
      'Each is what one coefficient paints; grey is nothing. '
      f'{filters.shape[1]} x {filters.shape[2]} pixels.'
    )
    title = f'Filters of layer {layer + 1}' + ', in pixels' * (layer > 0)
    figures.append(results_lib.Figure(title, caption, filter_sheet(filters)))
  figures.append(
    results_lib.Figure(
      'An image taken apart',
      'The image without its light and contrast, what the layers make of it, '
      "and the layers' strongest maps: where a filter is painted (dark: "
      'upside down), above what it adds.',
      decomposition_sheet(model, image),
    )
  )
  return figures


def filter_sheet(filters: np.ndarray) -> np.ndarray:
  """Returns `[K, h, w, 1]` in rows of eight, each at its own full contrast.

  As `[H, W, 3]` uint8.
  """
  scale = max(1, _SIDE // filters.shape[1])
  margin = [(6, 6), (6, 6), (0, 0)]
  cells = [
    np.pad(_enlarge(signed(each), scale), margin, constant_values=255)
    for each in filters
  ]
  blank = np.full_like(cells[0], 255)
  cells += [blank] * (-len(cells) % min(_COLUMNS, len(cells)))
  columns = min(_COLUMNS, len(cells))
  rows = [
    np.concatenate(cells[start : start + columns], axis=1)
    for start in range(0, len(cells), columns)
  ]
  return np.concatenate(rows)


def decomposition_sheet(
  model: sparse.DeconvolutionalNetwork, image: np.ndarray
) -> np.ndarray:
  """Returns an image, its reconstructions and strongest maps, with titles."""

  def take_apart(model, image):
    found = model.decompose(image)
    return (
      found.below[0],
      found.maps,
      [model.project(maps, layer) for layer, maps in enumerate(found.maps)],
    )

  normalised, maps, made = predictor.compile_with_model(model, take_apart)(
    image
  )
  top = float(np.abs(normalised).max())
  cells = [
    (_grey(image[0]), 'image', ''),
    (signed(normalised[0], top), 'normalised', 'what is explained'),
  ]
  pixels = image[0].size
  for layer, (found, picture) in enumerate(zip(maps, made)):
    count = np.count_nonzero(found) / pixels
    note = f'{count:.2f} coefficients a pixel'
    cells.append((signed(picture[0], top), f'layer {layer + 1}', note))
  cells += [(np.full_like(cells[0][0], 255), '', '')] * (
    -len(cells) % _STRONGEST
  )
  for layer, found in enumerate(maps):
    found = np.asarray(found)
    energy = np.square(found).sum((0, 1, 2))
    chosen = np.argsort(-energy)[:_STRONGEST]
    top_map = np.abs(found).max()
    alone = np.zeros((len(chosen), *found.shape[1:]), np.float32)
    for row, channel in enumerate(chosen):
      alone[row, ..., channel] = found[0, ..., channel]
      # Gamma, since a few coefficients are far larger than the others.
      each = found[0, ..., channel : channel + 1] / top_map
      each = np.sign(each) * np.abs(each) ** 0.5
      title = f'layer {layer + 1}, map {channel}'
      cells.append((signed(each, 1.0), title, ''))
    painted = np.asarray(model.project(alone, layer))
    for channel, each in zip(chosen, painted):
      # Weaker than the sum of all of them: twice the contrast.
      cells.append((signed(each, top / 2), '', 'what it adds, x 2'))
    blank = (np.full_like(cells[0][0], 255), '', '')
    cells += [blank] * (-len(cells) % _STRONGEST)
  scale = max(1, _MAP_SIDE // image.shape[1])
  cells = [(_enlarge(panel, scale), *words) for panel, *words in cells]
  return pictures.sheet(cells, _STRONGEST)


def signed(values: np.ndarray, top: float | None = None) -> np.ndarray:
  """Returns `[H, W, 1]` about 0 as grey levels, `[H, W, 3]` uint8; 0 is 128.

  Args:
    values: of either sign.
    top: what becomes white, its negative black; None is the largest.
  """
  values = np.asarray(values)
  top = np.abs(values).max() if top is None else top
  return _grey(0.5 + 0.5 * values / max(top, 1e-12))


def _grey(image: np.ndarray) -> np.ndarray:
  pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
  return np.repeat(pixels, 3, axis=-1)


def _enlarge(panel: np.ndarray, scale: int) -> np.ndarray:
  return panel.repeat(scale, axis=0).repeat(scale, axis=1)
