"""Random crops, flips, rotations and colours, on the device.

They run inside the compiled training step. Every function works on one example;
use `jax.vmap` for batches.
"""

from collections.abc import Sequence
import math

import jax
import jax.numpy as jnp

from autoencoder.data import crops

# Whether to transpose, to flip up-down and to flip left-right, each at random.
# All three together give the eight symmetries of the square.
AUGMENTATIONS = {
  'none': (False, False, False),
  'flip': (False, False, True),
  'dihedral': (True, True, True),
}


def random_crop(
  key: jax.Array,
  pool: dict[str, jax.Array],
  item: jax.Array,
  crop: int,
) -> dict[str, jax.Array]:
  """Cuts a square from a uniform random place of one image of `pool`.

  Args:
    key: random key.
    pool: `image` uint8 `[n, H, W, C]`; `size` int32 `[n, 2]`, the height and
      width of each image, which lies in the upper left corner of its row; and
      perhaps `label` `[n, H, W]`.
    item: int32 scalar, the row of the pool.
    crop: side of the square, pixels; at most any height or width in `size`.

  Returns:
    `image` `[crop, crop, C]` and `label` `[crop, crop]` if any, with the dtypes
    of the pool.
  """
  size = jnp.asarray(pool['size'])[item]
  corner = jax.random.randint(key, (2,), 0, size - crop + 1)
  # Under vmap this becomes a gather of whole squares, which is much faster on
  # CPU than a gather of pixels.
  start = (item, corner[0], corner[1])

  def cut(array: jax.Array) -> jax.Array:
    rest = array.shape[3:]
    return jax.lax.dynamic_slice(
      array, start + (0,) * len(rest), (1, crop, crop, *rest)
    )[0]

  return {name: cut(array) for name, array in crops.arrays(pool).items()}


def random_window(
  key: jax.Array,
  pool: dict[str, jax.Array],
  item: jax.Array,
  crop: int,
  scale_range: Sequence[float],
) -> dict[str, jax.Array]:
  """Draws a scale and a place in one image, and cuts the window for `zoom`.

  The logarithm of the scale is uniform. A scale that would make the image
  smaller than the crop is raised until the image covers the crop.

  Args:
    key: random key.
    pool: as for `random_crop`.
    item: int32 scalar, the row of the pool.
    crop: side of the crop, at most any height or width in `pool['size']`.
    scale_range: smallest and largest magnification, above 0.

  Returns:
    The argument `window` of `zoom`.
  """
  scale_key, place_key = jax.random.split(key)
  size = jnp.asarray(pool['size'])[item]
  low, high = jnp.log(jnp.array(scale_range))
  factor = jnp.exp(jax.random.uniform(scale_key, minval=low, maxval=high))
  side = jnp.minimum(crop / factor, size.min())
  place = jax.random.uniform(place_key, (2,)) * (size - side)
  full = crops.window_side(crop, scale_range)
  height, width = (min(full, n) for n in pool['image'].shape[1:3])
  window = jnp.array([height, width])
  corner = jnp.clip(place.astype(jnp.int32), 0, jnp.maximum(size - window, 0))
  cut = {
    name: jax.lax.dynamic_slice(
      array,
      (item, corner[0], corner[1]) + (0,) * (array.ndim - 3),
      (1, height, width, *array.shape[3:]),
    )[0]
    for name, array in crops.arrays(pool).items()
  }
  box = jnp.concatenate([place - corner, side[None]])
  return cut | {'size': jnp.minimum(size - corner, window), 'box': box}


def zoom(
  window: dict[str, jax.Array], crop: int, smallest: float
) -> dict[str, jax.Array]:
  """Resamples a square box: the image bilinearly, labels to the nearest pixel.

  Shrinking is antialiased: the triangle filter is widened to the spacing of the
  output pixels.

  Args:
    window: `image` `[H, W, C]` and perhaps `label` `[H, W]`; `size` int32
      `[2]`, the height and width of the picture in the upper left corner; and
      `box` float32 `[3]`, top, left and side of the box, in pixels of the
      window.
    crop: side of the result, pixels.
    smallest: smallest possible ratio of `crop` to the side of the box; it
      bounds the number of filter taps.

  Returns:
    `image` `[crop, crop, C]` float32, with the window's range of values, and
    `label` `[crop, crop]` with its dtype.
  """
  box, size = window['box'], window['size']
  step = box[2] / crop
  # Centres of the output pixels, in pixels of the window.
  centers = box[:2, None] + (jnp.arange(crop) + 0.5)[None] * step
  taps = math.ceil(2 * max(1 / smallest, 1))
  image = jnp.asarray(window['image'], jnp.float32)
  # Gather whole rows, and columns as rows of the transpose. On CPU this is
  # faster than multiplying by mostly empty matrices of weights.
  for axis in (0, 1):
    image = _interpolate(image, centers[axis], step, size[axis], taps)
    image = image.swapaxes(0, 1)
  result = {'image': image}
  if 'label' in window:
    rows, columns = jnp.clip(centers.astype(jnp.int32), 0, size[:, None] - 1)
    result['label'] = jnp.asarray(window['label'])[rows].T[columns].T
  return result


def _interpolate(
  image: jax.Array,
  centers: jax.Array,
  step: jax.Array,
  size: jax.Array,
  taps: int,
) -> jax.Array:
  """Interpolates rows of an image with a triangle filter.

  Args:
    image: `[H, W, C]` float32.
    centers: positions of the output rows, in pixels; row 0 has its centre at
      0.5.
    step: distance between output rows, pixels. The filter reaches `step`, at
      least one pixel, to both sides.
    size: number of rows of the picture; rows after it have no weight.
    taps: number of input rows per output row.

  Returns:
    `[len(centers), W, C]` float32.
  """
  radius = jnp.maximum(step, 1)
  first = jnp.ceil(centers - radius - 0.5).astype(jnp.int32)
  rows = first[:, None] + jnp.arange(taps)[None]
  distance = jnp.abs(rows + 0.5 - centers[:, None])
  weights = jnp.maximum(1 - distance / radius, 0)
  weights *= (rows >= 0) & (rows < size)
  weights /= weights.sum(axis=1, keepdims=True)
  rows = jnp.clip(rows, 0, size - 1)

  def add(tap: int, total: jax.Array) -> jax.Array:
    return total + weights[:, tap, None, None] * image[rows[:, tap]]

  # The loop makes XLA store the result. XLA would recompute a plain sum for
  # every use of it in the flips and jitter that follow.
  zeros = jnp.zeros((len(centers), *image.shape[1:]))
  return jax.lax.fori_loop(0, taps, add, zeros)


def random_symmetry(
  key: jax.Array, example: dict[str, jax.Array], augment: str
) -> dict[str, jax.Array]:
  """Flips and transposes a square image, and its label in the same way.

  Args:
    key: random key.
    example: square arrays `[S, S]` or `[S, S, C]`.
    augment: 'none'; 'flip', left-right with probability 1/2; or 'dihedral', one
      of the eight symmetries of the square, all equally likely.

  Returns:
    The transformed arrays, by the same names.
  """
  transpose, flip_rows, flip_columns = jax.random.bernoulli(
    key, shape=(3,)
  ) & jnp.array(AUGMENTATIONS[augment])

  def move(x: jax.Array) -> jax.Array:
    x = jnp.where(transpose, x.swapaxes(0, 1), x)
    x = jnp.where(flip_rows, x[::-1], x)
    return jnp.where(flip_columns, x[:, ::-1], x)

  return {name: move(x) for name, x in example.items()}


def color_jitter(key: jax.Array, image: jax.Array) -> jax.Array:
  """Permutes the colour channels and changes contrast and brightness.

  It gives a few photos colours that none of them has.

  Args:
    key: random key.
    image: float32 `[H, W, C]` in [0, 1].

  Returns:
    `image` with its channels in random order, times a factor from [0.5, 1],
    plus an offset that keeps the maximum at most 1. In [0, 1].
  """
  order_key, scale_key, offset_key = jax.random.split(key, 3)
  image = image[..., jax.random.permutation(order_key, image.shape[-1])]
  image = image * jax.random.uniform(scale_key, minval=0.5, maxval=1.0)
  return image + (1 - image.max()) * jax.random.uniform(offset_key)


def tone_jitter(key: jax.Array, image: jax.Array, strength: float) -> jax.Array:
  """Changes brightness, contrast and saturation, and keeps hues.

  Args:
    key: random key.
    image: float32 `[H, W, 1 or 3]` in [0, 1].
    strength: in [0, 1). Each of the three is scaled by a factor from [1 -
      strength, 1 + strength]: contrast around the mean of the image, saturation
      around the mean of each pixel's channels.

  Returns:
    The changed image, clipped to [0, 1].
  """
  brightness, contrast, saturation = jax.random.uniform(
    key, (3,), minval=1 - strength, maxval=1 + strength
  )
  image = image * brightness
  if image.shape[-1] == 3:
    grey = image.mean(axis=-1, keepdims=True)
    image = grey + saturation * (image - grey)
  mean = image.mean()
  return jnp.clip(mean + contrast * (image - mean), 0, 1)
