"""A trained model as a plain function of arrays of any image size."""

from collections.abc import Callable
from collections.abc import Iterator
import functools
from typing import Any

from flax import nnx
import jax
import numpy as np

from autoencoder.inference import mirror
from autoencoder.inference import tiling
from autoencoder.models import protocol


class Predictor:
  """`predict(inputs) -> outputs` with bounded memory; see `make_predictor`."""

  def __init__(self, model: nnx.Module, *, tile: int):
    self._apply = compile_with_model(model, lambda model, x: model(x))
    self._channels = protocol.in_channels(model)
    # A model that pads its input is given padded inputs. Sizes with the same
    # next multiple of the stride then share one compiled program.
    self._multiple = protocol.padding_multiple(model)
    self._plan = tiling.make_plan(model, tile)
    self._margin = protocol.border_margin(model)

  def __call__(self, inputs: np.ndarray | jax.Array) -> np.ndarray:
    """Returns the outputs of the model.

    Args:
      inputs: `[N, H, W, C_in]` float, any H and W of at least 1.

    Returns:
      `[N, s * H, s * W, C_out]` float32, not clipped.

    Raises:
      ValueError: `inputs` has another rank, type or number of channels.
    """
    inputs = self._check(inputs, 'NHWC')
    tiles = self._plan(*inputs.shape[1:3])
    if len(tiles) == 1:
      return self._apply_whole(inputs)
    # One image at a time, so that memory does not grow with the batch.
    return np.stack(
      [tiling.assemble(self._apply_one, image, tiles) for image in inputs]
    )

  def tiles(self, image: np.ndarray | jax.Array) -> Iterator[tiling.Block]:
    """Yields the output of one image in finished parts.

    This serves outputs that are too large to be held as float32: each block can
    be rounded and stored before the next one is computed.

    Args:
      image: `[H, W, C_in]` float.

    Yields:
      `tiling.Block`s that cover the output exactly once.

    Raises:
      ValueError: `image` has another rank, type or number of channels.
    """
    image = self._check(image, 'HWC')
    tiles = self._plan(*image.shape[:2])
    return tiling.map_tiles(self._apply_one, image, tiles)

  def _apply_whole(self, images: np.ndarray) -> np.ndarray:
    height, width = images.shape[1:3]
    # Pad by the margin that tiles get, too, then to a multiple of the stride.
    padded = mirror.add_border(images, self._margin)
    padded = mirror.pad_to_multiple(padded, self._multiple)
    outputs = np.asarray(self._apply(padded), np.float32)
    scale = outputs.shape[1] // padded.shape[1]
    rows, columns = (
      slice(scale * self._margin, scale * (self._margin + side))
      for side in (height, width)
    )
    return outputs[:, rows, columns].copy()

  def _apply_one(self, image: np.ndarray) -> np.ndarray:
    return np.asarray(self._apply(image[None])[0], np.float32)

  def _check(self, inputs: np.ndarray | jax.Array, axes: str) -> np.ndarray:
    inputs = np.asarray(inputs)
    floating = jax.numpy.issubdtype(inputs.dtype, np.floating)
    if inputs.ndim != len(axes) or not floating:
      raise ValueError(
        f'A predictor takes a float array [{", ".join(axes)}] with values in '
        f'[0, 1]; got {inputs.dtype} {list(inputs.shape)}.'
      )
    if self._channels not in (None, inputs.shape[-1]):
      raise ValueError(
        f'The model takes {self._channels} channels; the array '
        f'{list(inputs.shape)} has {inputs.shape[-1]}.'
      )
    return inputs.astype(np.float32, copy=False)


def make_predictor(model: nnx.Module, *, tile: int = 1024) -> Predictor:
  """Returns a compiled function that applies `model` to images of any size.

  Images with both sides up to `tile` are computed in one piece, larger ones in
  overlapping tiles with the same result. Each image size is compiled once. For
  a model that pads its input, sizes with the same next multiple of the stride
  share a compiled program.

  NOTE: The predictor keeps the present weights. Training the model further does
  not change it.

  Args:
    model: a `models.Model`. Only a `models.Tileable` is computed in tiles;
      another model gets every image in one piece.
    tile: longest side computed at once, in pixels. Memory grows with its
      square.

  Returns:
    A `Predictor`: `predict(inputs)` for a batch, `predict.tiles(image)` for
    one image in finished parts.

  Example:

    predict = make_predictor(model)
    outputs = predict(np.zeros((1, 480, 640, 3), np.float32))
  """
  return Predictor(model, tile=tile)


def self_ensemble(
  predict: Callable[[np.ndarray], np.ndarray],
) -> Callable[[np.ndarray], np.ndarray]:
  """Returns a predictor that averages over the 8 flips and rotations.

  It takes eight times as long and gains a few hundredths to a tenth of a dB.
  Published tables list such results separately, with a plus behind the name.

  Args:
    predict: maps `[N, H, W, C_in]` to `[N, s * H, s * W, C_out]` for any H and
      W, such as a `Predictor`. The task should not depend on the orientation.

  Returns:
    A function of the same shapes and units. It raises what `predict` raises.

  Reference:
    Timofte et al., "Seven ways to improve example-based single image super
    resolution", CVPR 2016 (arXiv:1511.02228): enhanced prediction.

  Example:

    predict = self_ensemble(make_predictor(model))
  """

  def ensemble(inputs: np.ndarray) -> np.ndarray:
    outputs = []
    for turns in range(4):
      turned = np.rot90(inputs, turns, (1, 2))
      output = predict(turned)
      output = output + predict(turned[:, :, ::-1])[:, :, ::-1]
      outputs.append(np.rot90(output, -turns, (1, 2)))
    return sum(outputs[1:], start=outputs[0]) / 8

  return ensemble


def compile_with_model(
  model: Any, function: Callable[[Any, jax.Array], Any]
) -> Callable[[Any], Any]:
  """Compiles `function(model, x)` into a function of `x` alone.

  The weights are an argument of the compiled program. As constants they would
  be folded, which is slow, and stored once more for every image size.

  Args:
    model: an NNX module.
    function: a pure function of the model and an array.
  """
  graphdef, state = nnx.split(model)
  # A model trained on several devices is replicated over them, and each of
  # them would compute the same tile.
  state = jax.device_put(nnx.as_pure(state), jax.local_devices()[0])
  compiled = jax.jit(lambda state, x: function(nnx.merge(graphdef, state), x))
  return functools.partial(compiled, state)
