"""The two ways in which a network may answer with colours."""

from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import jax
import numpy as np

from autoencoder import errors
from autoencoder.image import losses
from autoencoder.tasks import colourisation_classes
from autoencoder.tasks import task

# The network's numbers are in units of this many a or b, hence about 1.
_UNIT = 50.0


class Head(NamedTuple):
  """How colours are answered, and how far off an answer is.

  Attributes:
    channels: of the answer.
    loss: `(outputs, ab) -> [N]`; `outputs` is `[N, H, W, channels]` and `ab`
      `[N, H, W, 2]`, both float32.
    to_ab: `outputs -> ab`, the colours answered.
    grey: `[channels]` float32, the answer that stands for a = b = 0.

  Example:

    head = HEADS['l2']
    rgb = color.paint(lightness, head.to_ab(model(lightness / 100)))
  """

  channels: int
  loss: Callable[[jax.Array, jax.Array], jax.Array]
  to_ab: Callable[[jax.Array], jax.Array]
  grey: np.ndarray


HEADS = {
  # The mean of all colours that a pixel may have: the least error, and pale.
  'l2': Head(
    channels=2,
    loss=lambda outputs, ab: losses.l2(outputs, ab / _UNIT),
    to_ab=lambda outputs: _UNIT * outputs,
    grey=np.zeros(2, np.float32),
  ),
  # Zhang et al. 2016: bolder, and wrong where it is bold on few photos.
  'classification': Head(
    channels=colourisation_classes.CLASSES,
    loss=colourisation_classes.classification_loss,
    to_ab=colourisation_classes.annealed_mean,
    grey=colourisation_classes.certain_logits(0, 0),
  ),
}


def grey(example: task.Example, config: Any) -> np.ndarray:
  """Returns the answer that leaves an image grey, a task's baseline.

  Args:
    example: of one image, `inputs` is `[H, W, C]`.
    config: `config.loss` names the head.

  Returns:
    `[H, W, channels]` float32.
  """
  answer = HEADS[config.loss].grey
  return np.broadcast_to(answer, example.inputs.shape[:2] + answer.shape)


def check(name: str, channels: int, scales: int) -> None:
  """Raises `ValueError` for an unknown head, or images without colours.

  Args:
    name: key of `HEADS`.
    channels: of the images that are trained on.
    scales: of the model.
  """
  if name not in HEADS:
    raise errors.UserError(
      f'loss takes {" or ".join(map(repr, HEADS))}; got {name!r}.'
    )
  if name == 'classification' and scales > 4:
    raise errors.UserError(
      f'{scales} scales see so far that no tile of '
      f'{colourisation_classes.CLASSES} classes a pixel fits into memory: '
      'take the variant :classification, or at most four model.widths.'
    )
  if channels != 3:
    raise errors.UserError(
      'Colours are learnt from colour images: data.channels takes 3; got '
      f'{channels}.'
    )
