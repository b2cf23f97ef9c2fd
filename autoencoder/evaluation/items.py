"""Held-out images: how they are read, counted and shown."""

from typing import Any

import numpy as np

from autoencoder import errors
from autoencoder.data import labels
from autoencoder.evaluation import pixels
from autoencoder.evaluation import results as results_lib
from autoencoder.tasks import task as tasks

# The report cuts larger pictures to their middle and does not shrink them:
# noise and detail are judged by the pixel. The second bound holds for all
# pictures of a report together.
PICTURE_SIDE = 1024
PICTURE_PIXELS = 4 * 1024**2


def count_images(config: Any, source: Any) -> int:
  """Returns how many images of `source` to measure.

  Raises:
    UserError: there are none.
  """
  count = len(source)
  if config.evaluation.max_images:
    count = min(count, config.evaluation.max_images)
  if count == 0:
    raise errors.UserError(
      f'{source.name} has no images to evaluate; give data with at least one.'
    )
  return count


def read_item(config: Any, source: Any, index: int) -> dict[str, Any]:
  """Returns an item, cut to its middle if `evaluation.center_crop` asks for it.

  Raises:
    UserError: its file cannot be read.
  """
  try:
    item = source[index]
  except (OSError, MemoryError) as error:
    raise errors.UserError(
      f'image {index} of {source.name} cannot be read: '
      f'{error or "out of memory"}'
    ) from error
  if not config.evaluation.center_crop:
    return item
  window = pixels.middle(item['image'].shape, config.evaluation.center_crop)
  arrays = [name for name in ('image', 'label') if name in item]
  return item | {name: item[name][window] for name in arrays}


def is_grey(item: dict[str, Any]) -> bool:
  """Whether all channels of an item's image are equal."""
  image = item['image']
  return bool((image == image[..., :1]).all())


def note_on_color(source: Any, config: Any, grey: int) -> str:
  """Returns a note on images converted between colour and grey, '' for none.

  Args:
    source: the data set measured.
    config: `data.channels` is 1 if the model works on grey images.
    grey: number of images without colour.
  """
  converted = len(getattr(source, 'made_grey', ()))
  if converted:
    return (
      f'the model works on grey images: {converted} colour images were '
      'converted to luma, from 0 to 255, and measured as such.'
    )
  if config.data.channels == 3 and grey:
    return (
      f'the model works on RGB: {grey} grey images were converted to three '
      'equal channels. These numbers are not comparable with those of models '
      'of grey images.'
    )
  return ''


def note_on_classes(
  task: tasks.Task, counts: dict[str, np.ndarray], config: Any
) -> str:
  """Returns a note on classes that no true pixel belongs to, '' for none.

  Args:
    task: the task measured; without `class_pixels` there is no note.
    counts: summed over the set.
    config: `data.classes` names the classes.
  """
  if task.class_pixels is None or not counts:
    return ''
  return labels.note_on_absent(
    task.class_pixels(counts), config.data.classes, 'labels measured'
  )


def add_counts(
  total: dict[str, np.ndarray] | None, counts: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """Returns the sum of two sets of counts, in 64 bits on the host.

  Pixel counts of large data sets overflow the 32 bits of a device.
  """
  wide = {
    name: x.astype(np.int64 if x.dtype.kind in 'iub' else np.float64)
    for name, x in counts.items()
  }
  if total is None:
    return wide
  return {name: total[name] + x for name, x in wide.items()}


def make_picture(
  name: str, panels: dict[str, np.ndarray], shown: int
) -> results_lib.Picture:
  """Returns the middle of the panels, at the size a report takes.

  Args:
    name: of the image.
    panels: `[H, W, 1 or 3]` by title, uint8, or floats around [0, 1].
    shown: number of pictures in the report.

  Raises:
    ValueError: a panel differs from 'target' in size.
  """
  height, width = panels['target'].shape[:2]
  side = min(PICTURE_SIDE, int((PICTURE_PIXELS / shown) ** 0.5))
  rows, columns = pixels.middle((height, width), side)
  ready = {}
  for title, panel in panels.items():
    if panel.shape[-1] == 1:
      panel = pixels.to_rgb(panel)
    if panel.shape != (height, width, 3):
      raise ValueError(
        f'task.picture: panel {title!r} is {list(panel.shape)}, but '
        f"'target' is {height} x {width}; all must be [N, {height}, {width}, "
        '3].'
      )
    panel = np.asarray(panel[rows, columns])
    ready[title] = panel if panel.dtype == np.uint8 else pixels.to_bytes(panel)
  offset = (rows.start, columns.start)
  return results_lib.Picture(name, ready, offset, (height, width))
