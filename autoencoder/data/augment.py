"""Random crops, flips, turns and colours on the device, in the training step.

Every function works on one example and takes its key first; `jax.vmap` makes
batches of them.
"""

import math

import jax
import jax.numpy as jnp

from autoencoder.data import crops

# Which of transposing, flipping up-down and flipping left-right may happen.
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
  """Cuts a uniformly placed square out of one image of `pool`.

  Args:
    key: random key.
    pool: `image` uint8 `[n, H, W, C]`, of which the upper left `size` int32
      `[n, 2]` (height, width) is picture, and perhaps `label` `[n, H, W]`.
    item: int32 scalar, the row to cut from.
    crop: side of the square, at most any height or width in `size`.

  Returns:
    `image` `[crop, crop, C]` and `label` `[crop, crop]` if any, dtypes kept.
  """
  size = jnp.asarray(pool['size'])[item]
  corner = jax.random.randint(key, (2,), 0, size - crop + 1)
  # Under vmap this becomes a gather of whole squares, the fastest form on CPU:
  # 0.16 ms for 16 crops of 64 x 64, a gather of pixels 0.7 ms.
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
  scale_range: tuple[float, float],
) -> dict[str, jax.Array]:
  """Draws a scale and a place in one image of `pool`, and cuts around them.

  The scale is drawn evenly on a logarithmic scale. One that would make the
  image smaller than the crop becomes that which just covers it.

  Args:
    key: random key.
    pool: as for `random_crop`.
    item: int32 scalar, the row to cut from.
    crop: side of the crop, at most any height or width in `pool['size']`.
    scale_range: smallest and largest factor to enlarge by.

  Returns:
    What `zoom` takes.
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
  """Resamples a box of a window: the image bilinearly, labels to the nearest.

  Where it shrinks, the image is smoothed as much as it takes (the triangle has
  the width of an output pixel), so that it does not alias.

  Args:
    window: `image` `[H, W, C]` and perhaps `label` `[H, W]`, of which the upper
      left `size` int32 `[2]` (height, width) is picture; and `box` float32
      `[3]`, top, left and side, in pixels, of what becomes the crop.
    crop: pixels of the result's side.
    smallest: what `crop` is of the box's side at the least.

  Returns:
    `image` `[crop, crop, C]` float32, on the window's scale of values, and
    `label` `[crop, crop]`, its dtype kept.
  """
  box, size = window['box'], window['size']
  step = box[2] / crop
  # Where the centres of the result's pixels lie, pixels of the window.
  centers = box[:2, None] + (jnp.arange(crop) + 0.5)[None] * step
  taps = math.ceil(2 * max(1 / smallest, 1))
  image = jnp.asarray(window['image'], jnp.float32)
  # Whole rows are gathered, the columns as rows of the transpose: five times
  # faster on CPU than products with matrices of weights.
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
  """Returns `image` at other rows, each a mean of up to `taps` of its first
  `size` rows, weighted by a triangle as wide as two steps or two pixels.
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

  # A loop has a result in memory. A plain sum XLA computes anew wherever it is
  # used, which takes many times as long with flips and jitter after it.
  zeros = jnp.zeros((len(centers), *image.shape[1:]))
  return jax.lax.fori_loop(0, taps, add, zeros)


def random_symmetry(
  key: jax.Array, example: dict[str, jax.Array], augment: str
) -> dict[str, jax.Array]:
  """Flips and turns a square image, and its label the same way.

  Args:
    key: random key.
    example: square arrays `[S, S]` or `[S, S, C]`.
    augment: 'none'; 'flip', left-right half of the time; or 'dihedral', one of
      the eight symmetries of the square, all equally likely.

  Returns:
    `example`, moved.
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
  """Swaps colour channels and changes contrast and brightness.

  A handful of photos then covers colours that none of them has.

  Args:
    key: random key.
    image: float32 `[H, W, C]` in [0, 1].

  Returns:
    `image` with its channels in a random order, scaled by a number from
    [0.5, 1], and brightened by at most what is left below 1.
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
    strength: below 1; each of the three is scaled by a number from [1 -
      strength, 1 + strength], contrast around the image's mean and saturation
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
