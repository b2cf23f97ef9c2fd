"""Holes in one image, drawn on the device, the key first.

Each returns float32 `[H, W, 1]`, 1 where a pixel is missing and 0 where it is
known, for any H and W. For a batch, `vmap` over one key per image. Sides are
in pixels, so that a crop and the photo it is from have holes of one size.
"""

import dataclasses

import jax
import jax.numpy as jnp

KINDS = ('pixels', 'blocks', 'strokes', 'centre')

# Strokes in each cell, and straight segments in each stroke.
_STROKES, _SEGMENTS = 2, 4


@dataclasses.dataclass
class Options:
  """Which holes are drawn."""

  # The metadata is what `config.option` would give; `image` imports no config.
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
    """Returns the options with the first kind alone."""
    return dataclasses.replace(self, kinds=self.kinds[:1])

  def validate(self) -> None:
    """Raises `ValueError` for what `draw` cannot draw."""
    unknown = [kind for kind in self.kinds if kind not in KINDS]
    if unknown or not self.kinds:
      raise ValueError(
        f'mask.kinds takes some of {", ".join(KINDS)}; got '
        f'{", ".join(unknown) or "none"}.'
      )
    if not 0 <= self.rate <= 1:
      raise ValueError(f'mask.rate must be in [0, 1]; got {self.rate}.')
    if self.side < 1:
      raise ValueError(f'mask.side must be at least 1; got {self.side}.')


def draw(
  key: jax.Array, height: int, width: int, options: Options
) -> jax.Array:
  """Draws a mask of one of `options.kinds`, each as likely as the others.

  Args:
    key: a key; the same one gives the same mask.
    height: rows.
    width: columns.
    options: kinds, rate and side.

  Returns:
    `[H, W, 1]` float32, 1 is a hole.

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
  """Each pixel is missing with probability `rate`, on its own.

  All channels of a pixel are missing together.

  Args:
    key: a key; the same one gives the same mask.
    height: rows.
    width: columns.
    rate: probability of a hole, in [0, 1].

  Returns:
    `[H, W, 1]` float32, 1 is a hole.

  Example:

    >>> random_pixels(jax.random.key(0), 480, 640, 0.5).shape
    (480, 640, 1)
  """
  holes = jax.random.bernoulli(key, rate, (height, width, 1))
  return holes.astype(jnp.float32)


def blocks(key: jax.Array, height: int, width: int, side: int) -> jax.Array:
  """Squares of `side` x `side` pixels over a quarter of the image.

  Each cell of 2 x 2 sides has one square somewhere inside, so that squares may
  touch but never overlap. Cells at the bottom and right are cut by the border,
  and so may be their squares. Along an axis shorter than two sides, a block is
  half as long as the image.

  Args:
    key: a key; the same one gives the same mask.
    height: rows.
    width: columns.
    side: of a square, pixels, at least 1.

  Returns:
    `[H, W, 1]` float32, 1 is a hole.

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
  """Free-form brush strokes, as one scratches a thing out by hand.

  Two strokes begin in each cell of 2 x 2 sides, also just outside the image.
  Each has four straight segments of 3 to 7 sixteenths of `side`, turns by up to
  72 degrees between them, and is an eighth to a half of `side` wide, with round
  ends. They cover a fifth of the image.

  Args:
    key: a key; the same one gives the same mask.
    height: rows.
    width: columns.
    side: scale of the strokes, pixels, at least 1.

  Returns:
    `[H, W, 1]` float32, 1 is a hole.

  References:
    Yu et al., "Free-form image inpainting with gated convolution", ICCV 2019
    (arXiv:1806.03589), section 3.4: a random walk with a brush. Theirs is one
    walk over the whole image; here the density does not depend on its size.

  Example:

    >>> strokes(jax.random.key(0), 48, 64, 8).shape
    (48, 64, 1)
  """
  cell = 2 * side
  rows, columns = -(-height // cell), -(-width // cell)
  # A cell more on every side: no stroke is longer than a cell.
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
  # Per segment: both of its ends, and its radius squared.
  segments = jnp.concatenate(
    [ends, jnp.broadcast_to(radius**2, ends[:1].shape)]
  )

  def cover(holes, segment):
    y0, x0, y1, x1, square = segment[:, :, None, :, None]
    return holes | (_distance_squared(y, x, y0, x0, y1, x1) <= square), None

  pixel = jnp.arange(cell) + 0.5
  y, x = pixel.reshape(1, -1, 1, 1), pixel.reshape(1, 1, 1, -1)
  # Segments of the nine cells around each, from the corner of the middle one.
  around = []
  for down in (-1, 0, 1):
    for right in (-1, 0, 1):
      part = segments[..., 1 + down :, 1 + right :][..., :rows, :columns]
      corner = cell * jnp.array([down, right, down, right, 0])
      part += corner.reshape(5, 1, 1, 1, 1)
      around.append(part.reshape(5, -1, rows, columns))
  around = jnp.moveaxis(jnp.concatenate(around, axis=1), 1, 0)
  # A loop: unrolled, it takes 20 times as long to compile.
  holes = jnp.zeros((rows, cell, columns, cell), bool)
  holes, _ = jax.lax.scan(cover, holes, around)
  holes = holes.reshape(rows * cell, columns * cell, 1)
  return holes[:height, :width].astype(jnp.float32)


def center_square(
  key: jax.Array, height: int, width: int, side: int
) -> jax.Array:
  """One square in the middle, at most half as long as each side of the image.

  Args:
    key: not used; all masks take one.
    height: rows.
    width: columns.
    side: of the square, pixels, at least 1.

  Returns:
    `[H, W, 1]` float32, 1 is a hole.

  References:
    Pathak et al., "Context encoders", CVPR 2016: 64 pixels of 128.

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


def _distance_squared(y, x, y0, x0, y1, x1) -> jax.Array:
  """Squared distance of a point from the segment between two others."""
  dy, dx = y1 - y0, x1 - x0
  along = ((y - y0) * dy + (x - x0) * dx) / (dy * dy + dx * dx)
  along = jnp.clip(along, 0, 1)
  return (y - y0 - along * dy) ** 2 + (x - x0 - along * dx) ** 2
