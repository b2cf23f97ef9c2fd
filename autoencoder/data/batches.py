"""Training batches: from a pool on the device, or streamed through threads.

A small data set is copied to the device once, as uint8: a batch is a few
indices, and the compiled step cuts the crops. A large data set is read, decoded
and cropped on the host by threads of grain. If every image can be read, both
visit the same images in the same order. Both are used in the same way:

    batches = data.Batches(source, batch_size=16, crop=64, augment='flip')
    pool = jax.device_put(batches.pool)
    for batch in batches.iterate(start_step):
      state = train_step(state, batch, key, pool)  # Calls `batches.read`.
"""

from collections.abc import Iterable
from collections.abc import Iterator
import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors
from autoencoder.data import augment as augmentation
from autoencoder.data import crops
from autoencoder.data import decode
from autoencoder.data import pool as pool_lib
from autoencoder.data import reader
from autoencoder.data import sources

MIB = 2**20

# The number of an example is an int32, and is folded into its random key.
MAX_EXAMPLES = 2**31 - 1

Batch = dict[str, np.ndarray]


class Batches:
  """An endless, resumable sequence of training batches.

  The batch of a step depends only on the source, the seed and the step. Every
  epoch visits each image once, in a new order. An epoch may end within a batch,
  and a batch may be larger than the data set.

  Attributes:
    pool: None if images are streamed; otherwise arrays for the device: `image`
      uint8 `[n, H, W, C]`; `size` int32 `[n, 2]`, the height and width of each
      image, which lies in the upper left corner of its row; and `label` uint8
      `[n, H, W]` if the data has labels.
  """

  def __init__(
    self,
    source: sources.Source,
    *,
    batch_size: int,
    crop: int,
    augment: str = 'none',
    color_jitter: bool = False,
    scale_range: tuple[float, ...] = (),
    tone_jitter: float = 0.0,
    seed: int = 0,
    resident_mib: int = 512,
    workers: int = 4,
  ):
    """Reads all images into a pool if they fit; otherwise checks a few.

    Args:
      source: the images.
      batch_size: images in a batch, over all devices.
      crop: side of the square crops, pixels.
      augment: 'none', 'flip' (left-right) or 'dihedral' (flips and rotations by
        90 degrees).
      color_jitter: whether to permute the channels and change contrast and
        brightness.
      scale_range: smallest and largest magnification; empty keeps the scale.
        See `augment.random_window`.
      tone_jitter: largest relative change of brightness, contrast and
        saturation, below 1.
      seed: at least 0. Determines the order of the images, and the crops of a
        streamed set. The key given to `read` determines crops from the pool.
      resident_mib: largest size of the pool, MiB. Every image takes the space
        of the largest.
      workers: number of threads that read a streamed set; 0 reads in the
        caller's thread.

    Raises:
      UserError: an argument is out of range, or no image can be read.
    """
    if augment not in augmentation.AUGMENTATIONS:
      raise errors.UserError(
        f'augment takes {", ".join(augmentation.AUGMENTATIONS)}; got '
        f'{augment!r}.'
      )
    for name, value, least in (
      ('batch_size', batch_size, 1),
      ('crop', crop, 1),
      ('seed', seed, 0),
    ):
      if value < least:
        raise errors.UserError(f'{name} must be at least {least}; got {value}.')
    self._reader = reader.Reader(source, crop)
    self._batch_size = batch_size
    self._crop = crop
    self._augment = augment
    self._color_jitter = color_jitter
    self._scale_range = tuple(scale_range)
    self._tone_jitter = tone_jitter
    self._seed = seed
    self._workers = workers
    self.pool = pool_lib.read(self._reader, len(source), resident_mib * MIB)
    self._count = len(self.pool['size']) if self.pool else len(source)

  def example_item(self) -> dict[str, Any]:
    """Returns the first readable image, for example to count its channels."""
    return self._reader.read_next(0)

  @property
  def notes(self) -> list[str]:
    """Sentences on the images padded or skipped so far, for the console."""
    return self._reader.notes()

  def describe(self) -> str:
    """Returns one line: the number of images, and where they are stored."""
    images = f'{self._count:,} image{"s" * (self._count != 1)}'
    if self.pool is None:
      threads = f'{self._workers} thread{"s" * (self._workers != 1)}'
      return f'{images}, streamed by {threads}'
    mib = sum(array.nbytes for array in self.pool.values()) / MIB
    return f'{images}, {mib:.1f} MiB, resident on the device'

  def count_classes(
    self, classes: int, at_most: int | None = None
  ) -> tuple[np.ndarray, np.ndarray]:
    """Counts the pixels of each class in all readable images.

    Reads the files of a streamed set.

    Args:
      classes: number of classes.
      at_most: largest number of images to count, evenly spaced; None for all.

    Returns:
      Two int64 arrays `[classes]`: the pixels of each class, and the pixels of
      any class in the images that contain this class.
    """
    count = min(self._count, at_most or self._count)
    pixels, area = np.zeros((2, classes), np.int64)
    for label in self._labels(i * self._count // count for i in range(count)):
      counts = np.bincount(label.ravel(), minlength=256)[:classes]
      pixels += counts
      area += counts.sum() * (counts > 0)
    return pixels, area

  def _labels(self, rows: Iterable[int]) -> Iterator[np.ndarray]:
    """Yields the labels of the readable images among `rows`."""
    for i in rows:
      if self.pool is not None:
        yield self.pool['label'][i]
        continue
      try:
        yield self._reader.read(i)['label']
      except decode.UnreadableImage:
        continue

  def iterate(self, start_step: int = 0) -> Iterator[Batch]:
    """Yields the batches of `start_step` and all steps after it.

    Args:
      start_step: number of the first batch. Starting at k gives the sequence
        from 0 without its first k batches.

    Yields:
      Arrays with a leading axis of `batch_size`. `index` int32 is the number of
      the example since step 0, which determines its random key. With a pool,
      `item` int32 is the row of the pool. Otherwise `image` is uint8
      `[N, crop, crop, C]`, and `label` int32 `[N, crop, crop]` if the data has
      labels; with a `scale_range` both are larger, and there are `size` and
      `box` as for `augment.zoom`.
    """
    if self.pool is None:
      return self._stream(start_step)
    return self._positions(start_step)

  def read(
    self,
    batch: dict[str, jax.Array],
    key: jax.Array,
    pool: dict[str, jax.Array] | None,
  ) -> dict[str, jax.Array]:
    """Turns a batch into images, inside the compiled step.

    A pure function for `jit`, sharded or not, and `pmap`. Give the task another
    key: with the same one, its noise would be correlated with the crops.

    Args:
      batch: a batch from `iterate`, or a shard of it.
      key: the same at every step; each example uses `fold_in(key, index)`.
      pool: `self.pool` on the device.

    Returns:
      `image` float32 `[N, crop, crop, C]` in [0, 1], and `label` int32
      `[N, crop, crop]` if the data has labels.
    """

    def read_one(example):
      example_key = jax.random.fold_in(key, example['index'])
      crop_key, symmetry_key, color_key = jax.random.split(example_key, 3)
      if pool is not None and self._scale_range:
        example = augmentation.random_window(
          crop_key, pool, example['item'], self._crop, self._scale_range
        )
      if self._scale_range:
        item = augmentation.zoom(example, self._crop, self._scale_range[0])
      elif pool is None:
        item = crops.arrays(example)
      else:
        item = augmentation.random_crop(
          crop_key, pool, example['item'], self._crop
        )
      item = augmentation.random_symmetry(symmetry_key, item, self._augment)
      item['image'] = item['image'].astype(jnp.float32) / 255
      if self._color_jitter:
        item['image'] = augmentation.color_jitter(color_key, item['image'])
      if self._tone_jitter:
        tone_key = jax.random.fold_in(color_key, 1)
        item['image'] = augmentation.tone_jitter(
          tone_key, item['image'], self._tone_jitter
        )
      if 'label' in item:
        item['label'] = item['label'].astype(jnp.int32)
      return item

    return jax.vmap(read_one)(batch)

  def _positions(self, start_step: int) -> Iterator[Batch]:
    """Yields batches that are rows of the pool."""
    for step in itertools.count(start_step):
      index = range(step * self._batch_size, (step + 1) * self._batch_size)
      items = [item_at(i, self._count, self._seed) for i in index]
      yield {
        'index': np.array(index, np.int32),
        'item': np.array(items, np.int32),
      }

  def _stream(self, start_step: int) -> Iterator[Batch]:
    """Yields batches of crops that threads read ahead."""
    import grain  # Slow to import, and not needed with a pool.

    examples = grain.MapDataset.range(
      start_step * self._batch_size, MAX_EXAMPLES
    ).map(self._crop_example)
    # Number of examples to read ahead: two batches.
    ahead = max(2 * self._batch_size, self._workers) if self._workers else 0
    options = grain.ReadOptions(
      num_threads=self._workers, prefetch_buffer_size=ahead
    )
    return iter(examples.to_iter_dataset(options).batch(self._batch_size))

  def _crop_example(self, index: int) -> dict[str, Any]:
    """Returns example number `index` of the stream."""
    item = self._reader.read_next(item_at(index, self._count, self._seed))
    generator = np.random.default_rng((self._seed, index))
    if self._scale_range:
      crop = crops.cut_window(generator, item, self._crop, self._scale_range)
    else:
      crop = crops.arrays(crops.cut_random(generator, item, self._crop))
    return crop | {'index': np.int32(index)}


def item_at(index: int, count: int, seed: int) -> int:
  """Returns which of `count` images is example number `index` of the stream.

  The shuffle does not use grain, so that both kinds of batches share it, and a
  run resumes exactly with another version of grain.
  """
  epoch, place = divmod(index, count)
  return int(_epoch_order(seed, epoch, count)[place])


@functools.lru_cache(maxsize=4)  # Threads may work on two epochs at a time.
def _epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
  """Returns the order of the images in an epoch."""
  return np.random.default_rng((seed, epoch)).permutation(count)
