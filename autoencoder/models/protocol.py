"""The protocols of models: the required one, and those of further abilities.

A model is any NNX module that can be called with images: `model(x)`. That is
enough to train, evaluate and apply it. Every further ability is a protocol
here, a few attributes that a model either has or lacks:

- `Tileable`: large images are computed in tiles, without a seam;
- `Inspectable`: `--mode=inspect` shows its encoder and its latent;
- `Decomposable`: `--mode=inspect` shows its sparse maps;
- `Compressor`: `--mode=compress` and `--mode=decompress` write and read files.

`can` asks for an ability, and `require` raises an error of one line that says
what the model lacks. No other module asks for the class of a model.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple
from typing import Protocol

from flax import nnx
import jax
import numpy as np

from autoencoder import errors
from autoencoder.models import encoder as encoder_lib
from autoencoder.models import entropy


class Model(Protocol):
  """An NNX module that maps images to outputs; all that training needs.

  A model may have two further attributes. With `in_channels`, an integer,
  inputs with another number of channels are refused before they reach the
  model. `mirrors = True` says that the model itself pads its input by
  `inputs.pad` to a multiple of its `stride`; inputs are then padded before the
  call, so that sizes with the same next multiple share one compiled program.
  """

  def __call__(self, x: jax.Array) -> Any:
    """Returns outputs `[N, s * H, s * W, C_out]` with an integer s.

    Args:
      x: `[N, H, W, C_in]` float32, images in [0, 1] with any H and W. (A task
        with its own `forward` may call the model in another way.)
    """


class Tileable(Protocol):
  """A model that computes an image in tiles exactly as it does in one piece.

  Without these attributes every image is computed in one piece. A tileable
  model may have `border_margin`, a number of pixels. Images are then extended
  at each border by their mirror image, and the output is cropped.
  With zero padding alone, flat colours would change along the border.

  Attributes:
    stride: the total stride of the model, in pixels. Shifting the input by
      `stride` pixels shifts the output and changes nothing else.
    receptive_radius: the largest distance, in rows or columns of the input, at
      which an input pixel influences an output pixel.
  """

  stride: int
  receptive_radius: int


class Inspectable(Protocol):
  """A convolutional autoencoder that `autoencoder.inspection` can look into.

  Attributes:
    stride: input pixels per place of the latent, along each axis.
    receptive_radius: as in `Tileable`.
    side_inputs: the inputs of `answer` besides the latent, in any order:
      'skips' and 'switches' of `Encoded`, and 'input' if it adds the input
      image to the output.
  """

  stride: int
  receptive_radius: int
  side_inputs: tuple[str, ...]

  def encode(self, x: jax.Array) -> encoder_lib.Encoded:
    """Returns the latent (and skips and switches) of `[N, H, W, C_in]`."""

  def answer(self, encoded: encoder_lib.Encoded, x: jax.Array) -> jax.Array:
    """Returns the output for an `encoded` that may have been changed.

    `answer(encode(x), x)` is the output for `x`.
    """

  def encoder_layers(self) -> Mapping[str, Callable[..., Any]]:
    """Returns the layers of the encoder by name, in order.

    The first one sees `(x - inputs.CENTER) / inputs.SCALE`; the last one
    returns the latent. `inspection.steps.chain` lists the kinds of layers that
    can be inspected.
    """


class Decomposable(Protocol):
  """A model that describes an image by layers of sparse maps.

  `sparse.DeconvolutionalNetwork` documents the methods.

  Attributes:
    depth: number of layers.
  """

  depth: int

  def filters(self, layer: int) -> jax.Array:
    """Returns the filters of a layer, `[h, h, C or K below, K]`."""

  def decompose(self, x: jax.Array) -> Any:
    """Returns `maps`, `below` and `pictures`, each with one array a layer."""

  def project(self, maps: jax.Array, layer: int) -> jax.Array:
    """Returns the image that the maps of a layer stand for."""


class PlainLayer(NamedTuple):
  """A convolution as arrays, which `autoencoder.codec` turns into integers.

  Attributes:
    kernel: `[kh, kw, C_in, C_out]` float32.
    bias: `[C_out]` float32.
    kind: 'conv' (stride 1) or 'transposed' (stride 2), with padding 'SAME'.
    activation: 'relu' or None.
  """

  kernel: np.ndarray
  bias: np.ndarray
  kind: str = 'conv'
  activation: str | None = None


class Compressor(Protocol):
  """A model whose latent `autoencoder.codec` can store in a file.

  Attributes:
    stride: image pixels per place of the latent, along each axis.
    analysis_radius: the largest distance, in pixels, at which a pixel
      influences a place of the latent.
    synthesis_radius: the largest distance, in places of the latent, at which a
      place influences a pixel.
  """

  stride: int
  analysis_radius: int
  synthesis_radius: int

  def analyse(self, x: jax.Array) -> jax.Array:
    """Returns the latent `[N, h, w, C]` of `[N, stride * h, ..., 3]`."""

  def hyper_analyse(self, latent: jax.Array) -> jax.Array:
    """Returns the side information; not called for a model without it."""

  def synthesise(self, latent: jax.Array) -> jax.Array:
    """Returns the image `[N, stride * h, stride * w, 3]`, about [0, 1]."""

  def entropy_parts(
    self,
  ) -> tuple[entropy.FactorizedPrior, np.ndarray, Sequence[PlainLayer] | None]:
    """Returns the arguments of `codec.make_latent_code`.

    These are the prior of the side information (of the latent if there is no
    side information); the gains `[Q, C]`, quantisation steps per unit of the
    latent for each quality; and the layers of the hyper-synthesis, or None.
    """


def lacks(model: nnx.Module, ability: type) -> list[str]:
  """Returns the attributes of a protocol of this module that a model lacks.

  Example:

    >>> lacks(nnx.Linear(1, 1, rngs=nnx.Rngs(0)), Tileable)
    ['receptive_radius', 'stride']
  """
  methods = {name for name in vars(ability) if not name.startswith('_')}
  return sorted(
    name
    for name in methods | ability.__annotations__.keys()
    if not hasattr(model, name)
  )


def can(model: nnx.Module, ability: type) -> bool:
  """Returns whether a model has all attributes of a protocol of this module."""
  return not lacks(model, ability)


def require(model: nnx.Module, ability: type, action: str) -> None:
  """Raises `UserError` unless a model has all attributes of a protocol.

  Args:
    model: the model.
    ability: a protocol of this module.
    action: the requested action, such as 'be inspected'.
  """
  missing = lacks(model, ability)
  if missing:
    raise errors.UserError(
      f'A {type(model).__name__} cannot {action}: it lacks '
      f'{", ".join(missing)} (see autoencoder.models.{ability.__name__}).'
    )


def padding_multiple(model: Any) -> int:
  """Returns the multiple that a model pads H and W to; 1 if it does not pad."""
  return model.stride if getattr(model, 'mirrors', False) else 1


def border_margin(model: nnx.Module) -> int:
  """Returns how many pixels images are mirrored by at each border, or 0."""
  return getattr(model, 'border_margin', 0) if can(model, Tileable) else 0


def in_channels(model: Any) -> int | None:
  """Returns the number of input channels, None if the model does not say."""
  return getattr(model, 'in_channels', None)


def scale(model: nnx.Module) -> int:
  """Returns the output pixels per input pixel; 1 if the model does not say."""
  return getattr(model, 'scale', 1)
