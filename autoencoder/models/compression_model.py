"""The learned image codec: transforms, quantisation, entropy models.

`autoencoder.codec` stores the latent of this model in files.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.models import encoder as encoder_lib
from autoencoder.models import entropy
from autoencoder.models import inputs
from autoencoder.models import protocol
from autoencoder.models import rates
from autoencoder.models import transforms

PRIORS = ('hyperprior', 'factorized')

# The initial gain (quantisation steps per unit of the latent) is this constant
# times sqrt(lambda). For an orthonormal transform and uniform quantisation at
# high rate, the loss is minimal at a step of sqrt(26 / lambda) levels of 255,
# and a unit of the latent is 64 levels.
_GAIN = 64 / 26**0.5


class Compressed(NamedTuple):
  """Reconstructed images, and the bits that they cost.

  Attributes:
    image: `[N, H, W, C]` float32, about [0, 1], not clipped.
    bits: `{stream: [N] float32}` with the stream `latent`, and `hyper` for a
      model with side information.
  """

  image: jax.Array
  bits: dict[str, jax.Array]


class CompressionModel(nnx.Module):
  """An autoencoder whose latent is rounded, with an estimate of its bits.

  One model serves all `rates.QUALITIES` rates. A quality is a learned
  quantisation step for each channel of the latent (gain units, Cui et al.,
  "Asymmetric gained deep image compression with continuous rate adaptation",
  arXiv:2003.02014, here with the inverse gain equal to one over the gain). The
  transforms and the distribution of the latent do not depend on the quality.

  H and W may have any size. The model pads the image at the bottom and right
  with its mirror image, up to a multiple of `stride`, and crops the output.

  Args:
    channels: channels of the image.
    widths: feature channels per scale. The first scale has a quarter of the
      image's H and W; each further scale halves them.
    latent_channels: channels of the latent, at half the last scale's H and W.
    blocks: residual blocks per scale, in the analysis and in the synthesis.
    kernel: side of the strided and the transposed kernels of stride 2.
    activation: 'gdn' or 'relu'.
    prior: 'hyperprior' (Balle et al., arXiv:1802.01436, with the means of
      Minnen et al., arXiv:1809.02736) or 'factorized'.
    hyper_channels: channels of the side information, whose H and W are a
      quarter of the latent's.
    dtype: compute type of the transforms.
    rngs: parameter key.

  Attributes:
    stride: image pixels per place of the latent, along each axis.
    analysis_radius: the largest distance, in pixels, at which a pixel
      influences a place of the latent.
    synthesis_radius: the largest distance, in places of the latent, at which a
      place influences a pixel.
    receptive_radius: the largest distance, in pixels, at which an input pixel
      influences an output pixel.
    side_inputs: empty: the image is made from the latent alone.
    log_gain: `[rates.QUALITIES, latent_channels]`, logarithms of the gains: the
      quantisation steps per unit of the latent.

  Raises:
    ValueError: an unknown `activation` or `prior`.

  Example:

    >>> model = CompressionModel(
    ...   widths=(48, 8), latent_channels=8, hyper_channels=4, rngs=nnx.Rngs(0)
    ... )
    >>> compressed = model(jnp.ones((1, 37, 50, 3)), jnp.array([3]))
    >>> compressed.image.shape, compressed.bits['latent'].shape
    ((1, 37, 50, 3), (1,))
  """

  side_inputs = ()

  def __init__(
    self,
    channels: int = 3,
    *,
    widths: Sequence[int] = (64, 96),
    latent_channels: int = 192,
    blocks: int = 0,
    kernel: int = 4,
    activation: str = 'gdn',
    prior: str = 'hyperprior',
    hyper_channels: int = 48,
    dtype: str | jnp.dtype = jnp.float32,
    rngs: nnx.Rngs,
  ):
    if prior not in PRIORS:
      raise ValueError(
        f'prior takes {", ".join(map(repr, PRIORS))}; got {prior!r}.'
      )
    options: dict[str, Any] = {
      'widths': widths,
      'latent_channels': latent_channels,
      'blocks': blocks,
      'kernel': kernel,
      'activation': activation,
      'dtype': jnp.dtype(dtype),
      'rngs': rngs,
    }
    self.in_channels = self.out_channels = channels
    self.latent_channels = latent_channels
    self.prior = prior
    self.stride = transforms.STEM_STRIDE * 2 ** len(widths)
    self.analysis_radius, self.synthesis_radius = transforms.radii(
      len(widths), kernel, blocks
    )
    self.receptive_radius = (
      self.analysis_radius + self.synthesis_radius * self.stride
    )
    self.analysis = transforms.Analysis(channels, **options)
    self.synthesis = transforms.Synthesis(channels, **options)
    gain = _GAIN * jnp.sqrt(jnp.array(rates.LAMBDAS))
    self.log_gain = nnx.Param(
      jnp.repeat(jnp.log(gain)[:, None], latent_channels, axis=1)
    )
    if prior == 'hyperprior':
      self.hyper_analysis = transforms.HyperAnalysis(
        latent_channels, hyper_channels, rngs=rngs
      )
      self.hyper_synthesis = transforms.HyperSynthesis(
        hyper_channels, latent_channels, rngs=rngs
      )
    self.factorized = entropy.FactorizedPrior(
      hyper_channels if prior == 'hyperprior' else latent_channels, rngs=rngs
    )

  def analyse(self, x: jax.Array) -> jax.Array:
    """Returns the latent before rounding.

    Args:
      x: `[N, H, W, channels]` float in [0, 1].

    Returns:
      `[N, ceil(H / stride), ceil(W / stride), latent_channels]` float32.

    Raises:
      ValueError: `x` has another number of channels, or integers.
    """
    inputs.check(x, self.in_channels)
    return self.analysis(inputs.pad(x, self.stride))

  def synthesise(self, latent: jax.Array) -> jax.Array:
    """Returns the image `[N, h * stride, w * stride, channels]` of a latent."""
    return self.synthesis(latent)

  def encode(self, x: jax.Array) -> encoder_lib.Encoded:
    """Returns the latent before rounding; see `models.Inspectable`."""
    return encoder_lib.Encoded(self.analyse(x))

  def answer(self, encoded: encoder_lib.Encoded, x: jax.Array) -> jax.Array:
    """Returns the image `[N, H, W, channels]` float32 of a latent, as it is.

    Args:
      encoded: as `encode(x)` returned it, possibly changed.
      x: `[N, H, W, channels]`; only its size is used.
    """
    height, width = x.shape[1:3]
    image = self.synthesise(encoded.latent)
    return image[:, :height, :width].astype(jnp.float32)

  def encoder_layers(self) -> dict[str, Callable[..., Any]]:
    """Returns the layers of the analysis by name, in order."""
    stages: Any = self.analysis.stages  # nnx.List has no type of elements.
    *inner, last = stages
    parts: dict[str, Callable[..., Any]] = {}
    for part in inner:
      kind = 'relu' if part is nnx.relu else type(part).__name__.lower()
      parts[f'{kind}{sum(name.startswith(kind) for name in parts)}'] = part
    return parts | {'latent': last}

  def hyper_analyse(self, latent: jax.Array) -> jax.Array:
    """Returns the side information of a latent, before rounding.

    Args:
      latent: `[N, h, w, latent_channels]`.

    Returns:
      `[N, ceil(ceil(h / 2) / 2), ceil(ceil(w / 2) / 2), hyper_channels]`
      float32.
    """
    return self.hyper_analysis(latent)

  def hyper_synthesise(
    self, hyper: jax.Array, height: int, width: int
  ) -> tuple[jax.Array, jax.Array]:
    """Returns mean and log scale of the latent, `[N, height, width, C]` each.

    Args:
      hyper: the rounded side information.
      height: rows of the latent.
      width: columns of the latent.
    """
    statistics = self.hyper_synthesis(hyper)[:, :height, :width]
    mean, log_scale = jnp.split(statistics, 2, axis=-1)
    return mean, log_scale

  def entropy_parts(
    self,
  ) -> tuple[
    entropy.FactorizedPrior, np.ndarray, list[protocol.PlainLayer] | None
  ]:
    """Returns the arguments of `codec.make_latent_code`: prior, gains, layers.

    The layers are those of the hyper-synthesis, or None without one.
    """
    gains = np.exp(np.asarray(self.log_gain[...]))
    if self.prior == 'factorized':
      return self.factorized, gains, None
    return self.factorized, gains, self.hyper_synthesis.integer_layers()

  def __call__(
    self,
    x: jax.Array,
    quality: jax.Array,
    keys: jax.Array | None = None,
  ) -> Compressed:
    """Returns the reconstructed images, and estimates of their bits.

    In training, the bits are those of the latent with uniform noise, which have
    a gradient. The synthesis gets the rounded latent with a straight-through
    gradient (Minnen and Singh, arXiv:2007.08739).

    Args:
      x: `[N, H, W, channels]` float32 in [0, 1], with any H and W.
      quality: `[N]` int32 from 1, the coarsest, to `rates.QUALITIES`.
      keys: `[N]` keys of the noise. None rounds instead, as a file does.
    """
    height, width = x.shape[1:3]
    latent = self.analyse(x)
    gain = jnp.exp(self.log_gain[...])[quality - 1][:, None, None, :]
    bits = {}
    if self.prior == 'hyperprior':
      hyper = self.hyper_analyse(latent)
      hyper_keys = None
      if keys is not None:
        hyper_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, 1)
      bits['hyper'] = self.factorized.bits(entropy.quantize(hyper_keys, hyper))
      mean, log_scale = self.hyper_synthesise(
        entropy.round_straight_through(hyper), *latent.shape[1:3]
      )
      steps = (latent - mean) * gain
      bits['latent'] = entropy.gaussian_bits(
        entropy.quantize(keys, steps),
        jnp.zeros_like(mean),
        jnp.exp(log_scale) * gain,
      )
      latent = entropy.round_straight_through(steps) / gain + mean
    else:
      steps = latent * gain
      bits['latent'] = self.factorized.bits(
        entropy.quantize(keys, steps) / gain, 1 / gain
      )
      latent = entropy.round_straight_through(steps) / gain
    image = self.synthesise(latent)[:, :height, :width]
    return Compressed(image.astype(jnp.float32), bits)
