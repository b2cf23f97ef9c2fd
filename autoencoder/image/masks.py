"""Draws masks of holes for one image, on the device.

Each function takes a random key and returns float32 `[H, W, 1]`, 1 in holes and
0 at known pixels, for any H and W. For a batch, use `vmap` over one key per
image. Sides are in pixels, so that holes in a crop and in a whole photo have
the same size.
"""

import dataclasses

import jax
import jax.numpy as jnp

from autoencoder import errors

KINDS = ('pixels', 'blocks', 'strokes', 'centre')

# Number of strokes per cell, and of straight segments per stroke.
_STROKES, _SEGMENTS = 2, 4


@dataclasses.dataclass
class Options:
  """Options of the holes."""

  # This metadata equals that of `config.option`, which `image` cannot import.
  kinds: tuple[str, ...] = dataclasses.field(
    default=('pixels',),
    metadata={
      'help': 'Kinds of holes. Training draws one of them for each image; '
      'measurements use the first.',
      'choices': KINDS,
    },
  )
  rate: float = dataclasses.field(
    default=0.5,
    metadata={
      'help': "Probability that a pixel is missing, for 'pixels'.",
      'low': 0,
      'high': 1,
    },
  )
  side: int = dataclasses.field(
    default=32,
    metadata={
      'help': 'Side of blocks and centre squares and scale of strokes, pixels.',
      'low': 1,
    },
  )

  def for_evaluation(self) -> 'Options':
    """Returns the options with only the first kind."""
    return dataclasses.replace(self, kinds=self.kinds[:1])

  def validate(self) -> None:
    """Raises `UserError` for options that `draw` does not accept."""
    unknown = [kind for kind in self.kinds if kind not in KINDS]
    if unknown or not self.kinds:
      raise errors.UserError(
        f'mask.kinds takes some of {", ".join(KINDS)}; got '
        f'{", ".join(unknown) or "none"}.'
      )
    if not 0 <= self.rate <= 1:
      raise errors.UserError(f'mask.rate must be in [0, 1]; got {self.rate}.')
    if self.side < 1:
      raise errors.UserError(f'mask.side must be at least 1; got {self.side}.')


def draw(
  key: jax.Array, height: int, width: int, options: Options
) -> jax.Array:
  """Draws a mask of one of `options.kinds`, all equally likely.

  Args:
    key: random key.
    height: number of rows.
    width: number of columns.
    options: kinds, rate and side.

  Returns:
    `[H, W, 1]` float32, 1 in holes.

  Example:

    >>> draw(jax.random.key(0), 64, 64, Options(('blocks',))).mean()
    Array(0.25, dtype=float32)
  """
  makers = {
    'pixels': lambda key: random_pixels(key, height, width, options.rate),
    'blocks': lambda key: blocks(key, height, width, options.side),
    'strokes': lambda key: strokes(key, height, width, options.side),
    'centre': lambda key: center_square(key, height, width, options.side),
  }
  kind_key, mask_key = jax.random.split(key)
  kind = jax.random.randint(kind_key, (), 0, len(options.kinds))
  return jax.lax.switch(
    kind, [makers[name] for name in options.kinds], mask_key
  )


def random_pixels(
  key: jax.Array, height: int, width: int, rate: float
) -> jax.Array:
  """Draws holes of single pixels, independent of each other.

  Args:
    key: random key.
    height: number of rows.
    width: number of columns.
    rate: probability that a pixel is a hole, in [0, 1].

  Returns:
    `[H, W, 1]` float32, 1 in holes.

  Example:

    >>> random_pixels(jax.random.key(0), 480, 640, 0.5).shape
    (480, 640, 1)
  """
  holes = jax.random.bernoulli(key, rate, (height, width, 1))
  return holes.astype(jnp.float32)


def blocks(key: jax.Array, height: int, width: int, side: int) -> jax.Array:
  """Draws squares that cover a quarter of the image.

  The image is divided into cells with twice the side of a square. Each cell has
  one square at a random place, so squares may touch but never overlap. The
  border may cut the cells at the bottom and right, and their squares. If the
  image is shorter than two sides along an axis, the blocks are half as long as
  the image there.

  Args:
    key: random key.
    height: number of rows.
    width: number of columns.
    side: side of a square, pixels, at least 1.

  Returns:
    `[H, W, 1]` float32, 1 in holes.

  Example:

    >>> float(blocks(jax.random.key(0), 128, 128, 32).mean())
    0.25
  """
  lengths = [max(1, min(side, size // 2)) for size in (height, width)]
  cells = [
    -(-size // (2 * length)) for size, length in zip((height, width), lengths)
  ]
  inside = []
  for axis, axis_key in enumerate(jax.random.split(key)):
    length = lengths[axis]
    start = jax.random.randint(axis_key, cells, 0, length + 1)
    start = start.reshape(cells[0], 1, cells[1], 1)
    position = jnp.arange(2 * length).reshape(
      (1, -1, 1, 1) if axis == 0 else (1, 1, 1, -1)
    )
    inside.append((position >= start) & (position < start + length))
  holes = (inside[0] & inside[1]).reshape(
    cells[0] * 2 * lengths[0], cells[1] * 2 * lengths[1], 1
  )
  return holes[:height, :width].astype(jnp.float32)


def strokes(key: jax.Array, height: int, width: int, side: int) -> jax.Array:
  """Draws free-form brush strokes that cover about a fifth of the image.

  Two strokes begin in each cell with twice `side`, and in the cells around the
  image. Each stroke has four straight segments with lengths of 3/16 to 7/16 of
  `side`, turns by up to 72 degrees between them, is 1/8 to 1/2 of `side` wide,
  and has round ends.

  Args:
    key: random key.
    height: number of rows.
    width: number of columns.
    side: scale of the strokes, pixels, at least 1.

  Returns:
    `[H, W, 1]` float32, 1 in holes.

  References:
    Yu et al., "Free-form image inpainting with gated convolution", ICCV 2019
    (arXiv:1806.03589), section 3.4: a random walk with a brush. They draw one
    walk over the whole image; here the density does not depend on the size.

  Example:

    >>> strokes(jax.random.key(0), 48, 64, 8).shape
    (48, 64, 1)
  """
  cell = 2 * side
  rows, columns = -(-height // cell), -(-width // cell)
  # One more cell on every side suffices: no stroke is longer than a cell.
  shape = (_STROKES, rows + 2, columns + 2)
  keys = jax.random.split(key, 5)
  start = cell * jax.random.uniform(keys[0], (2, *shape))
  first = jax.random.uniform(keys[1], (1, *shape), maxval=2 * jnp.pi)
  turns = jax.random.uniform(
    keys[2], (_SEGMENTS - 1, *shape), minval=-0.4 * jnp.pi, maxval=0.4 * jnp.pi
  )
  angles = jnp.cumsum(jnp.concatenate([first, turns]), axis=0)
  lengths = side * jax.random.uniform(
    keys[3], (_SEGMENTS, *shape), minval=3 / 16, maxval=7 / 16
  )
  radius = side * jax.random.uniform(keys[4], shape, minval=1 / 16, maxval=0.25)
  steps = jnp.stack([lengths * jnp.sin(angles), lengths * jnp.cos(angles)])
  points = jnp.cumsum(jnp.concatenate([start[:, None], steps], axis=1), axis=1)
  ends = jnp.concatenate([points[:, :-1], points[:, 1:]])
  # Each segment: both ends (y0, x0, y1, x1), and its radius squared.
  segments = jnp.concatenate(
    [ends, jnp.broadcast_to(radius**2, ends[:1].shape)]
  )

  def cover(holes, segment):
    y0, x0, y1, x1, square = segment[:, :, None, :, None]
    return holes | (_distance_squared(y, x, y0, x0, y1, x1) <= square), None

  pixel = jnp.arange(cell) + 0.5
  y, x = pixel.reshape(1, -1, 1, 1), pixel.reshape(1, 1, 1, -1)
  # The segments of the 3 x 3 cells around each cell, relative to its corner.
  around = []
  for down in (-1, 0, 1):
    for right in (-1, 0, 1):
      part = segments[..., 1 + down :, 1 + right :][..., :rows, :columns]
      corner = cell * jnp.array([down, right, down, right, 0])
      part += corner.reshape(5, 1, 1, 1, 1)
      around.append(part.reshape(5, -1, rows, columns))
  nearby = jnp.moveaxis(jnp.concatenate(around, axis=1), 1, 0)
  # Use a loop, because unrolled code takes very long to compile.
  holes = jnp.zeros((rows, cell, columns, cell), bool)
  holes, _ = jax.lax.scan(cover, holes, nearby)
  holes = holes.reshape(rows * cell, columns * cell, 1)
  return holes[:height, :width].astype(jnp.float32)


def center_square(
  key: jax.Array, height: int, width: int, side: int
) -> jax.Array:
  """Returns one square in the centre, at most half as long as the image.

  Args:
    key: not used; every mask function takes one.
    height: number of rows.
    width: number of columns.
    side: side of the square, pixels, at least 1.

  Returns:
    `[H, W, 1]` float32, 1 in holes.

  References:
    Pathak et al., "Context encoders", CVPR 2016: a side of 64 pixels of 128.

  Example:

    >>> int(center_square(jax.random.key(0), 128, 128, 64).sum())
    4096
  """
  del key
  rows, columns = (
    slice((size - length) // 2, (size + length) // 2)
    for size, length in (
      (size, min(side, size // 2)) for size in (height, width)
    )
  )
  return jnp.zeros((height, width, 1)).at[rows, columns].set(1.0)


def _distance_squared(
  y: jax.Array,
  x: jax.Array,
  y0: jax.Array,
  x0: jax.Array,
  y1: jax.Array,
  x1: jax.Array,
) -> jax.Array:
  """Returns squared distances of points (y, x) from segments."""
  dy, dx = y1 - y0, x1 - x0
  along = ((y - y0) * dy + (x - x0) * dx) / (dy * dy + dx * dx)
  along = jnp.clip(along, 0, 1)
  return (y - y0 - along * dy) ** 2 + (x - x0 - along * dx) ** 2
