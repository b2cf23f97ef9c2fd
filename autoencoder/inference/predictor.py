"""A trained model as a plain function of arrays, whatever the image size."""

from collections.abc import Callable
from collections.abc import Iterator
import functools
from typing import Any

from flax import nnx
import jax
import numpy as np

from autoencoder.inference import tiling
from autoencoder.models import protocol


class Predictor:
  """`predict(inputs) -> outputs` with bounded memory; see `make_predictor`."""

  def __init__(self, model: nnx.Module, *, tile: int):
    self._apply = compile_with_model(model, lambda model, x: model(x))
    self._channels = protocol.in_channels(model)
    # A model that mirrors is given what it would make itself, so that sizes
    # with the same next multiple of the stride share a compilation.
    self._multiple = protocol.padding_multiple(model)
    self._plan = tiling.make_plan(model, tile)
    self._margin = tiling.border_margin(model)

  def __call__(self, inputs: np.ndarray | jax.Array) -> np.ndarray:
    """Returns the model's outputs.

    Args:
      inputs: `[N, H, W, C_in]` float, any H and W of at least 1.

    Returns:
      `[N, H, W, C_out]` float32, not clipped.

    Raises:
      ValueError: for another rank, type or channel count.
    """
    inputs = self._check(inputs, 'NHWC')
    tiles = self._plan(*inputs.shape[1:3])
    if len(tiles) == 1:
      return self._apply_whole(inputs)
    # Image by image, so that memory does not grow with the batch.
    return np.stack(
      [tiling.assemble(self._apply_one, image, tiles) for image in inputs]
    )

  def tiles(self, image: np.ndarray | jax.Array) -> Iterator[tiling.Block]:
    """Yields the output of one image in finished parts.

    For outputs that are too large to be held as float32: each block can be
    rounded and stored before the next one is computed.

    Args:
      image: `[H, W, C_in]` float.

    Yields:
      `tiling.Block`s that cover the output exactly once.

    Raises:
      ValueError: for another rank, type or channel count.
    """
    image = self._check(image, 'HWC')
    tiles = self._plan(*image.shape[:2])
    return tiling.map_tiles(self._apply_one, image, tiles)

  def _apply_whole(self, images: np.ndarray) -> np.ndarray:
    height, width = images.shape[1:3]
    margin = [(self._margin, self._margin)] * 2
    padded = np.pad(images, [(0, 0), *margin, (0, 0)], mode='symmetric')
    # The margin first, as windows have it; then what the model would add.
    rest = [(0, -side % self._multiple) for side in padded.shape[1:3]]
    padded = np.pad(padded, [(0, 0), *rest, (0, 0)], mode='symmetric')
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
        f'A float array [{", ".join(axes)}] with values in [0, 1] is needed; '
        f'got {inputs.dtype} {list(inputs.shape)}.'
      )
    if self._channels not in (None, inputs.shape[-1]):
      raise ValueError(
        f'The model takes {self._channels} channels; the array '
        f'{list(inputs.shape)} has {inputs.shape[-1]}.'
      )
    return inputs.astype(np.float32, copy=False)


def make_predictor(model: nnx.Module, *, tile: int = 1024) -> Predictor:
  """Returns a compiled function that applies `model` to images of any size.

  Images with both sides up to `tile` are computed whole, larger ones in
  overlapping tiles with the same result. Each size of image is compiled once,
  or of a model that `mirrors` each size in multiples of its stride.

  NOTE: the weights are those of this moment; training the model further does
  not change a predictor made before.

  Args:
    model: a `models.Model`. Only a `models.Tileable` is computed in tiles;
      another one gets whole images, however large.
    tile: longest side computed at once, pixels. Memory grows with its square.

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
  """Returns what answers with the mean over the eight ways to turn an image.

  Eight times the work, for a few hundredths to a tenth of a dB: published
  tables keep such results apart, as names with a plus.

  Args:
    predict: `[N, H, W, C_in] -> [N, s H, s W, C_out]`, of any size, such as a
      `Predictor`. What it computes should not depend on which way is up.

  Returns:
    A function of the same shapes and units, which raises what `predict` does.

  Reference:
    Timofte et al., "Seven ways to improve example-based single image super
    resolution", CVPR 2016 (arXiv:1511.02228): enhanced prediction.

  Example:

    predict = self_ensemble(make_predictor(model))
  """

  def ensemble(inputs: np.ndarray) -> np.ndarray:
    total = 0
    for turns in range(4):
      turned = np.rot90(inputs, turns, (1, 2))
      answer = predict(turned)
      answer = answer + predict(turned[:, :, ::-1])[:, :, ::-1]
      total = total + np.rot90(answer, -turns, (1, 2))
    return total / 8

  return ensemble


def compile_with_model(
  model: nnx.Module, function: Callable[[nnx.Module, jax.Array], Any]
) -> Callable[[Any], Any]:
  """Compiles `function(model, x)` into a function of `x` alone.

  The weights are an argument of the compiled program, never constants in it:
  constants are folded (slowly) and kept once more for every image size.
  """
  graphdef, state = nnx.split(model)
  # A model trained on several devices is replicated over them; every one of
  # them would compute the same tile.
  state = jax.device_put(nnx.as_pure(state), jax.local_devices()[0])
  compiled = jax.jit(lambda state, x: function(nnx.merge(graphdef, state), x))
  return functools.partial(compiled, state)
