"""The two kinds of output from which a network's colours are computed."""

from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import jax
import numpy as np

from autoencoder import errors
from autoencoder.image import losses
from autoencoder.tasks import colourisation_classes
from autoencoder.tasks import task

# a and b per unit of the network's output, which is then about 1.
_UNIT = 50.0


class Head(NamedTuple):
  """The meaning of the network's output, and its loss.

  Attributes:
    channels: channels of the network's output.
    loss: `(outputs, ab) -> [N]`; `outputs` is `[N, H, W, channels]` and `ab`
      are the true colours, `[N, H, W, 2]`, both float32.
    to_ab: `outputs -> ab`, the predicted colours.
    grey: `[channels]` float32, an output that stands for a = b = 0.

  Example:

    head = HEADS['l2']
    rgb = color.paint(lightness, head.to_ab(model(lightness / 100)))
  """

  channels: int
  loss: Callable[[jax.Array, jax.Array], jax.Array]
  to_ab: Callable[[jax.Array], jax.Array]
  grey: np.ndarray


HEADS = {
  # Predicts the mean of all plausible colours: smallest error, but pale.
  'l2': Head(
    channels=2,
    loss=lambda outputs, ab: losses.l2(outputs, ab / _UNIT),
    to_ab=lambda outputs: _UNIT * outputs,
    grey=np.zeros(2, np.float32),
  ),
  # Zhang et al. 2016: more vivid; trained on few photos, often wrong.
  'classification': Head(
    channels=colourisation_classes.CLASSES,
    loss=colourisation_classes.classification_loss,
    to_ab=colourisation_classes.annealed_mean,
    grey=colourisation_classes.certain_logits(0, 0),
  ),
}


def grey(example: task.Example, config: Any) -> np.ndarray:
  """Returns the output that stands for a grey image, a baseline of the task.

  Args:
    example: one image; `inputs` is `[H, W, C]`.
    config: `config.loss` is the name of the head.

  Returns:
    `[H, W, channels]` float32.
  """
  answer = HEADS[config.loss].grey
  return np.broadcast_to(answer, example.inputs.shape[:2] + answer.shape)


def check(name: str, channels: int, scales: int) -> None:
  """Raises `UserError` for options that do not fit colourisation.

  Args:
    name: key of `HEADS`.
    channels: channels of the training images.
    scales: number of scales of the model.
  """
  if name not in HEADS:
    raise errors.UserError(
      f'loss takes {" or ".join(map(repr, HEADS))}; got {name!r}.'
    )
  if name == 'classification' and scales > 4:
    raise errors.UserError(
      f'loss=classification takes at most four model.widths; got {scales}. '
      'Their receptive field needs tiles so large that '
      f'{colourisation_classes.CLASSES} classes per pixel do not fit into '
      'memory: take the variant :classification, or fewer widths.'
    )
  if channels != 3:
    raise errors.UserError(
      'Colourisation is trained on colour images: data.channels must be 3; '
      f'got {channels}.'
    )
