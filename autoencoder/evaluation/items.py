"""Held-out images as they are measured, and as a report shows them."""

from typing import Any

import numpy as np

from autoencoder import errors
from autoencoder.data import labels
from autoencoder.evaluation import results as results_lib

# Larger pictures are cut to their middle, not shrunk: the eye judges noise and
# detail by the pixel. The second bound is for all pictures of a report.
PICTURE_SIDE = 1024
PICTURE_PIXELS = 4 * 1024**2


def count_images(config: Any, source: Any) -> int:
  """Returns how many images of `source` are measured.

  Raises:
    ValueError: there are none.
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
  """Returns one item, or the middle of it that the config asks for.

  Raises:
    ValueError: its file cannot be read.
  """
  try:
    item = source[index]
  except (OSError, MemoryError) as error:
    raise errors.UserError(
      f'image {index} of {source.name} cannot be read: '
      f'{error or "out of memory"}'
    ) from error
  if config.evaluation.center_crop:
    item = _middle(item, config.evaluation.center_crop)
  return item


def is_grey(item: dict[str, Any]) -> bool:
  """Whether an item's image has no colour, in however many channels."""
  image = item['image']
  return bool((image == image[..., :1]).all())


def note_on_color(source: Any, config: Any, grey: int) -> str:
  """Returns what became of images unlike those the model is for, '' for none.

  Args:
    source: what was measured.
    config: `data.channels` is 1 where the model is one of grey images.
    grey: how many images had no colour.
  """
  made_grey = len(getattr(source, 'made_grey', ()))
  if made_grey:
    return (
      'this is a model of grey images: the luma, from 0 to 255, was measured '
      f'of those in colour, {made_grey}.'
    )
  if config.data.channels == 3 and grey:
    return (
      'this is a model of colour images: those in grey were made into three '
      f'equal channels before all else, {grey}. Figures of models of grey '
      'images compare with none of these.'
    )
  return ''


def note_on_classes(
  task: Any, counts: dict[str, np.ndarray], config: Any
) -> str:
  """Returns which classes no true pixel of a set was of, '' for none.

  Args:
    task: what is measured.
    counts: summed over the set; `confusion` where pixels have classes.
    config: `data.classes` says which.
  """
  if task.palette is None or 'confusion' not in counts:
    return ''
  pixels = counts['confusion'].sum(axis=1)
  return labels.note_on_absent(pixels, config.data.classes, 'labels measured')


def add_counts(
  total: dict[str, np.ndarray] | None, counts: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """Returns the sum of two sets' counts; integers stay exact.

  On the host: 32 bits of a device end at 12,000 images of 480 x 360.
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
  """Returns the middle of the panels, as large as a report takes them.

  Args:
    name: of the image.
    panels: `[H, W, 1 or 3]` by title, uint8 or floats about [0, 1].
    shown: how many pictures there are.

  Raises:
    ValueError: a panel of another size than 'target'.
  """
  height, width = panels['target'].shape[:2]
  side = min(PICTURE_SIDE, int((PICTURE_PIXELS / shown) ** 0.5))
  top, left = max(0, height - side) // 2, max(0, width - side) // 2
  ready = {}
  for title, panel in panels.items():
    if panel.shape[-1] == 1:  # Grey is shown as it is.
      panel = np.repeat(panel, 3, axis=-1)
    if panel.shape != (height, width, 3):
      raise errors.UserError(
        f'task.picture: panel {title!r} is {list(panel.shape)}, but '
        f"'target' is {height} x {width}; all must be [N, {height}, {width}, "
        '3].'
      )
    panel = np.asarray(panel[top : top + side, left : left + side])
    if panel.dtype != np.uint8:
      panel = np.rint(np.clip(panel, 0, 1) * 255).astype(np.uint8)
    ready[title] = panel
  return results_lib.Picture(name, ready, (top, left), (height, width))


def _middle(item, side):
  """Returns the middle square of an item, or what it has of one."""
  height, width = item['image'].shape[:2]
  top, left = max(0, height - side) // 2, max(0, width - side) // 2
  window = np.s_[top : top + side, left : left + side]
  arrays = [name for name in ('image', 'label') if name in item]
  return item | {name: item[name][window] for name in arrays}
