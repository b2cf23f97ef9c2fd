"""The deconvolutional network: layers of filters, maps inferred from images.

    y = sum_k z1_k * f1_k,   z1_c = sum_k z2_k * f2_kc,   ...

There is no encoder. The maps of a layer are inferred by optimisation: they
describe what is below them, the image or the maps of the layer before, with few
nonzero coefficients.
"""

from typing import NamedTuple

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import models
from autoencoder.models import inputs
from autoencoder.sparse import continuation
from autoencoder.sparse import filters as filters_lib
from autoencoder.sparse import fista
from autoencoder.sparse import normalisation
from autoencoder.sparse import operator
from autoencoder.sparse import options as options_lib
from autoencoder.sparse import shrinkage

# Standard deviation of the Gaussian window of local contrast, in pixels.
WINDOW = 3.0


class Decomposition(NamedTuple):
  """An image as sparse maps.

  Attributes:
    maps: of each layer, finest first; `[N, H + h - 1, W + w - 1, K]` in the
      first layer, and so on.
    below: what each layer describes: the normalised image, then the maps of the
      layer before.
    pictures: the reconstruction of the image from each layer, with its local
      mean and contrast, `[N, H, W, C]`.
  """

  maps: tuple[jax.Array, ...]
  below: tuple[jax.Array, ...]
  pictures: tuple[jax.Array, ...]


class DeconvolutionalNetwork(nnx.Module):
  """A hierarchy of convolutional sparse coding layers.

  Args:
    channels: of the image.
    options: see `options.Options`.
    rngs: parameter key.

  Attributes:
    depth: number of layers.
    options: as given.
    in_channels: channels of the image; `out_channels` is the same.
    stride: 1; see `models.Tileable`.
    receptive_radius: distance in pixels beyond which influence is not visible.

  References:
    Zeiler, Krishnan, Taylor and Fergus, "Deconvolutional networks", CVPR 2010.

  Example:

    >>> options = options_lib.Options()
    >>> model = DeconvolutionalNetwork(1, options, rngs=nnx.Rngs(0))
    >>> model(jnp.full((1, 20, 24, 1), 0.5)).shape
    (1, 20, 24, 1)
  """

  def __init__(
    self, channels: int, options: options_lib.Options, *, rngs: nnx.Rngs
  ):
    self.in_channels = self.out_channels = channels
    self.depth = len(options.filters)
    self.options = options
    self.stride = 1
    # Coefficients compete with their neighbours, and these with theirs, so no
    # radius is exact. Four filters away the influence is no longer visible.
    # Only filters of the first layer count: outputs are made of its maps alone.
    self.receptive_radius = (
      2 * normalisation.radius(WINDOW) + 4 * options.sizes[0]
    )
    below = channels
    for layer, (count, size) in enumerate(zip(options.filters, options.sizes)):
      bank = filters_lib.FilterBank(
        below,
        count,
        size,
        connections=options.connections if layer else 0,
        rngs=rngs,
      )
      setattr(self, f'bank{layer}', bank)
      below = count

  def filters(self, layer: int) -> jax.Array:
    """Returns the filters of layer 0, 1, ...: `[h, w, C or K below, K]`."""
    if not 0 <= layer < self.depth:
      raise ValueError(
        f'layer takes 0, the first, to {self.depth - 1}; got {layer}.'
      )
    return getattr(self, f'bank{layer}')()

  def normalise(self, x: jax.Array) -> normalisation.Normalised:
    """Returns `[N, H, W, C]` images in [0, 1] without local mean and contrast.

    Raises:
      ValueError: shape or type is wrong, or an image is smaller than the window
        or a filter.
    """
    self._check(x)
    return normalisation.normalise(
      x, deviation=WINDOW, floor=self.options.contrast_floor
    )

  def _check(self, x: jax.Array) -> None:
    """Raises `ValueError` for images that the network cannot decompose."""
    inputs.check(x, self.in_channels)
    window = normalisation.radius(WINDOW) + 1
    least = max(window, self.options.sizes[0])
    if min(x.shape[1:3]) < least:
      raise ValueError(
        f'Filters of {self.options.sizes[0]} pixels and a window of {window} '
        f'need images of at least {least} x {least}; got {x.shape[1]} x '
        f'{x.shape[2]}.'
      )
    bad = 0
    if not isinstance(x, jax.core.Tracer):
      bad = np.size(x) - int(np.count_nonzero(np.isfinite(x)))
    if bad:  # In compiled code, `fista.infer` makes all maps NaN instead.
      raise ValueError(
        f'{bad:,} values of the images {list(x.shape)} are not finite: replace '
        'NaN and infinity before looking for features.'
      )

  def infer(
    self,
    below: jax.Array,
    layer: int,
    *,
    scale: jax.Array | float = 1.0,
    iterations: int | None = None,
  ) -> jax.Array:
    """Returns a layer's maps, without a gradient.

    Args:
      below: the normalised image, or the maps of the layer before.
      layer: 0 is the first.
      scale: factor of the layer's lambda. Larger values fit the image closer,
        with more nonzero coefficients.
      iterations: of FISTA; None takes `test_iterations` of the options.
    """
    options = self.options
    return continuation.infer_and_refine(
      below,
      self.filters(layer),
      scale * options.weights[layer],
      options.power,
      iterations=iterations or options.test_iterations,
    )

  def project(self, maps: jax.Array, layer: int) -> jax.Array:
    """Returns the normalised image that maps of a layer stand for.

    Args:
      maps: of the layer, `[N, h, w, K]`.
      layer: 0 is the first.

    Returns:
      `[N, H, W, C]`. Each layer on the way makes the result smaller than the
      maps by the size of its filters less 1.
    """
    for lower in reversed(range(layer + 1)):
      maps = operator.synthesise(maps, self.filters(lower))
    return maps

  def decompose(
    self,
    x: jax.Array,
    *,
    scale: jax.Array | float = 1.0,
    iterations: int | None = None,
  ) -> Decomposition:
    """Returns the maps of images `[N, H, W, C]`, layer by layer.

    Args:
      x: float32 in [0, 1].
      scale: factor of every layer's lambda; see `infer`.
      iterations: see `infer`.

    Raises:
      ValueError: see `normalise`.
    """
    normalised = self.normalise(x)
    below, maps, pictures = [normalised.image], [], []
    for layer in range(self.depth):
      found = self.infer(below[-1], layer, scale=scale, iterations=iterations)
      maps.append(found)
      below.append(found)
      pictures.append(normalised.restore(self.project(found, layer)))
    return Decomposition(tuple(maps), tuple(below[:-1]), tuple(pictures))

  def objectives(self, found: Decomposition) -> jax.Array:
    """Returns each layer's objective per pixel of the image, `[N, depth]`.

    At the minimum the objective does not change with the maps, so its gradient
    in the filters equals that through the minimisation (the envelope theorem).
    A layer's objective has no gradient in the filters of lower layers.
    """
    pixels = found.pictures[0].shape[1] * found.pictures[0].shape[2]
    values = []
    for layer, (maps, below) in enumerate(zip(found.maps, found.below)):
      made = operator.synthesise(maps, self.filters(layer))
      value = fista.objective(
        below - made,
        maps,
        self.options.weights[layer],
        self.options.power,
      )
      values.append(value / pixels)
    return jnp.stack(values, axis=-1)

  def denoise(
    self, x: jax.Array, sigma: jax.Array | float, *, threshold: float
  ) -> jax.Array:
    """Returns denoised images, reconstructed from the first layer's maps.

    The local mean is taken from the noisy image; its window is wide enough to
    average out most of the noise. The local contrast stays, because dividing by
    it would make the noise uneven. Everything else that is not a sum
    of few filters is removed as noise.

    Args:
      x: `[N, H, W, C]` float32, around [0, 1].
      sigma: standard deviation of the noise, in the same units; above 0.
      threshold: of a single coefficient, in units of sigma; above 0.

    Raises:
      ValueError: see `normalise`; sigma or the threshold is out of range.
    """
    self._check(x)
    for name, value in (('sigma', sigma), ('threshold', threshold)):
      if not isinstance(value, jax.core.Tracer) and not 0 < value < np.inf:
        raise ValueError(f'{name} must be above 0 and finite; got {value}.')
    mean = normalisation.local_mean(x, WINDOW)
    weight = shrinkage.weight_of(threshold * sigma, self.options.power)
    maps = continuation.infer_and_refine(
      x - mean,
      self.filters(0),
      weight,
      self.options.power,
      iterations=self.options.test_iterations,
    )
    return mean + self.project(maps, 0)

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns the reconstruction of images from the first layer's maps."""
    normalised = self.normalise(x)
    return normalised.restore(self.project(self.infer(normalised.image, 0), 0))


def in_pixels(model: models.Decomposable, layer: int) -> np.ndarray:
  """Returns the pixels that a coefficient of each filter of a layer adds.

  Args:
    model: a `DeconvolutionalNetwork`, or another `models.Decomposable`.
    layer: 0 is the first.

  Returns:
    `[K, h, w, C]` float32. The size is that of all filters down to the pixels
    together.
  """
  count = model.filters(layer).shape[-1]
  spread = sum(model.filters(at).shape[0] - 1 for at in range(layer + 1))
  maps = jnp.zeros((count, 2 * spread + 1, 2 * spread + 1, count))
  single = maps.at[jnp.arange(count), spread, spread, jnp.arange(count)].set(1)
  return np.asarray(model.project(single, layer))
