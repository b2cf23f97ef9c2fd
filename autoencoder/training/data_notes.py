"""Notes on data that is usable but probably not what the user wants."""

from typing import Any

from autoencoder import data
from autoencoder.tasks import task as task_lib

# Number of images to look at in a large set, and the side of their crops.
SAMPLES = 16
_CROP = 256


def note_same_images(
  source: Any, test_source: Any, test_is_given: bool = False
) -> tuple[str, ...]:
  """Returns a note if the held-out images are the training images."""
  root = getattr(source, 'root', None)
  if root is None or root != getattr(test_source, 'root', None):
    return ()
  if test_is_given:
    return (
      f'--config.data.test_source names the training images in {root}, so the '
      'metrics say nothing about other images. Give another folder.',
    )
  return (
    f'{root} has no train and test subfolders: the held-out images are the '
    'training images, so the metrics say nothing about other images. Give '
    '--config.data.test_source=folder:PATH.',
  )


def note_no_colors(
  task: task_lib.Task, source: Any, batches: data.Batches
) -> tuple[str, ...]:
  """Returns a note if colours are to be learned from grey images."""
  if not task.makes_colors:
    return ()
  if batches.pool is not None:
    images, seen = batches.pool['image'], ''
  else:  # Reading all images of a large set would be slow.
    count = min(SAMPLES, len(source))
    images = data.center_crops(source, _CROP, count)['image']
    seen = f' ({count} of {len(source):,} were looked at)'
  if (images != images[..., :1]).any():
    return ()
  return (
    f'The training images are grey{seen}: there is no colour to learn. Give '
    '--config.data.source=folder:PATH with colour images.',
  )
