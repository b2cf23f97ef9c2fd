"""The mosaic of a colour sensor, and the interpolation of missing colours.

A Bayer sensor measures one colour per pixel, in 2 x 2 blocks of one red, two
green and one blue. Both functions are linear in the image.

Reference:
  Malvar, He, Cutler, "High-quality linear interpolation for demosaicing of
  Bayer-patterned color images", ICASSP 2004.
"""

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np


def mosaic(raw: jax.Array, phase: jax.Array) -> jax.Array:
  """Returns the one colour per pixel of a Bayer sensor, `[H, W, 1]`.

  Args:
    raw: `[H, W, 3]`.
    phase: `[2]`, row and column of the first red pixel, each 0 or 1. Blue is
      one row below and one column to the right; the other two are green.
  """
  masks = _masks(raw, phase)
  return (raw * masks).sum(axis=-1, keepdims=True)


def demosaic(
  pattern: jax.Array,
  phase: jax.Array,
  malvar: jax.Array | float = 1.0,
) -> jax.Array:
  """Returns all three colours of every pixel, by linear interpolation.

  Args:
    pattern: `[H, W, 1]`, from `mosaic`; at least 3 pixels high and wide.
    phase: as for `mosaic`.
    malvar: 1 for the 5 x 5 filters of Malvar, He and Cutler; 0 for bilinear
      interpolation; a value in between blends both.

  Returns:
    `[H, W, 3]`. Measured colours are not changed.
  """
  # Reflection about the border pixel keeps the phase of the pattern.
  padded = jnp.pad(pattern, ((2, 2), (2, 2), (0, 0)), mode='reflect')
  filtered = lax.conv_general_dilated(
    padded[None],
    jnp.asarray(_FILTERS),
    (1, 1),
    'VALID',
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )[0]
  plain, sharp = jnp.split(filtered, 2, axis=-1)
  cross, row, column, diagonal = jnp.split(
    plain + malvar * (sharp - plain), 4, axis=-1
  )
  red, green, blue = jnp.split(_masks(pattern, phase), 3, axis=-1)
  # A green pixel in a red row has its red neighbours left and right.
  rows = jnp.arange(pattern.shape[0])[:, None, None]
  red_row = (rows - phase[0]) % 2 == 0
  at_green_red = jnp.where(red_row, row, column)
  at_green_blue = jnp.where(red_row, column, row)
  return jnp.concatenate(
    [
      red * pattern + blue * diagonal + green * at_green_red,
      green * pattern + (1 - green) * cross,
      blue * pattern + red * diagonal + green * at_green_blue,
    ],
    axis=-1,
  )


def _masks(image: jax.Array, phase: jax.Array) -> jax.Array:
  """Returns `[H, W, 3]` float32: 1 where the sensor measures that colour."""
  rows = (jnp.arange(image.shape[0]) - phase[0]) % 2
  columns = (jnp.arange(image.shape[1]) - phase[1]) % 2
  where = rows[:, None] + columns[None]  # 0 is red, 1 is green, 2 is blue.
  return jnp.stack([where == i for i in range(3)], -1).astype(jnp.float32)


def _interpolation_filters() -> np.ndarray:
  """Returns the `[5, 5, 1, 8]` filters: four bilinear ones and Malvar's four.

  Each four are, in this order: green at a red or blue pixel; a colour from its
  neighbours in the row, in the column, and on the diagonals.
  """
  bilinear = np.zeros((4, 5, 5))
  bilinear[0, [1, 3, 2, 2], [2, 2, 1, 3]] = 1 / 4
  bilinear[1, 2, [1, 3]] = 1 / 2
  bilinear[2, [1, 3], 2] = 1 / 2
  bilinear[3, [1, 1, 3, 3], [1, 3, 1, 3]] = 1 / 4
  # Malvar et al. add a Laplacian of the colour measured at the pixel, with the
  # gains 1/2 for green, 5/8 for red or blue at green and 3/4 on the diagonals.
  malvar = bilinear.copy()
  ends = ([0, 4, 2, 2], [2, 2, 0, 4])
  malvar[0][2, 2] += 1 / 2
  malvar[0][ends] -= 1 / 8
  row = malvar[1]
  row[2, 2] += 5 / 8
  row[2, [0, 4]] -= 1 / 8
  row[[0, 4], 2] += 1 / 16
  row[[1, 1, 3, 3], [1, 3, 1, 3]] -= 1 / 8
  malvar[2] = row.T
  malvar[3][2, 2] += 3 / 4
  malvar[3][ends] -= 3 / 16
  both = np.concatenate([bilinear, malvar])
  return np.moveaxis(both, 0, -1)[:, :, None].astype(np.float32)


_FILTERS = _interpolation_filters()
