"""The learned image codec: transforms, quantisation, entropy models.

`autoencoder.codec` makes files of what this model computes.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
from typing import Any
from typing import NamedTuple

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import config as config_lib
from autoencoder.models import encoder as encoder_lib
from autoencoder.models import entropy
from autoencoder.models import inputs
from autoencoder.models import protocol
from autoencoder.models import transforms

PRIORS = ('hyperprior', 'factorized')

# What a squared error costs in bits at each quality: CompressAI's levels, so
# that numbers can be compared, and one below them, for 0.2 bits per pixel. A
# loss is `lambda * 255^2 * MSE + bits / pixel`.
LAMBDAS = (
  0.0009, 0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483, 0.0932, 0.18,
)  # fmt: skip
QUALITIES = len(LAMBDAS)

# Steps per unit of the latent at initialisation are this times the root of
# lambda. For an orthonormal transform and uniform quantisation at high rate,
# `lambda * D(R)` has the slope of one bit where the step is sqrt(26 / lambda)
# levels of 255; the transform takes 64 levels for a unit.
_GAIN = 64 / 26**0.5


class Compressed(NamedTuple):
  """What is left of images, and what it takes to store them.

  Attributes:
    image: `[N, H, W, C]` float32, about [0, 1], not clipped.
    bits: `{stream: [N] float32}`: `latent`, and `hyper` where there is one.
  """

  image: jax.Array
  bits: dict[str, jax.Array]


@dataclasses.dataclass
class Options:
  """What a compression model has beyond `config.ModelConfig`."""

  activation: str = config_lib.option(
    'gdn',
    help="'gdn' (generalised divisive normalisation) or 'relu'.",
    role='training',
    choices=transforms.ACTIVATIONS,
  )
  prior: str = config_lib.option(
    'hyperprior',
    help="'hyperprior' sends side information about means and scales of the "
    "latent; 'factorized' assumes one distribution per channel.",
    role='training',
    choices=PRIORS,
  )
  hyper_channels: int = config_lib.option(
    48,
    help='Channels of the side information.',
    role='training',
    low=1,
  )

  def validate(self) -> None:
    """Raises `UserError` that names the first option with a wrong value."""
    config_lib.check(self, 'codec.')


class CompressionModel(nnx.Module):
  """An autoencoder whose bottleneck is rounded and costs counted bits.

  One model serves `QUALITIES` rates: a quality is a quantisation step for each
  channel of the latent, learned (gain units, Cui et al., "Asymmetric gained
  deep image compression with continuous rate adaptation", arXiv:2003.02014,
  here with the inverse as the inverse gain). The transforms, and what the
  latent's distribution is, do not depend on the quality.

  Takes any H and W: the image is continued by mirroring at the bottom and
  right up to a multiple of `stride`, and the output is cropped back.

  Args:
    channels: of the image.
    widths: feature channels per scale, at a quarter of the image's resolution
      first; each halves H and W.
    latent_channels: channels of the latent, coarser again by 2.
    blocks: residual blocks per scale, in the analysis and in the synthesis.
    kernel: side of the strided and of the transposed kernels.
    activation: 'gdn' or 'relu'.
    prior: 'hyperprior' (Balle et al., arXiv:1802.01436, with the means of
      Minnen et al., arXiv:1809.02736) or 'factorized'.
    hyper_channels: channels of the side information, which has a quarter of
      the latent's H and W.
    dtype: compute type of the transforms.
    rngs: parameter key.

  Attributes:
    stride: pixels of the image for one of the latent.
    analysis_radius: how many pixels away one can change a place of the latent.
    synthesis_radius: how many places away one can change a pixel.
    receptive_radius: the largest distance, in pixels, at which an input pixel
      influences an output pixel.
    side_inputs: empty: the image is made from the latent alone.
    log_gain: `[QUALITIES, latent_channels]`, logarithm of the steps per unit.

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
    options = {
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
    gain = _GAIN * jnp.sqrt(jnp.array(LAMBDAS))
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
    """Returns the latent, not rounded, of `[N, H, W, channels]` in [0, 1].

    It is `[N, ceil(H / stride), ceil(W / stride), latent_channels]` float32.

    Raises:
      ValueError: other channels or integers.
    """
    inputs.check(x, self.in_channels)
    return self.analysis(inputs.pad(x, self.stride))

  def synthesise(self, latent: jax.Array) -> jax.Array:
    """Returns the image `[N, h * stride, w * stride, C]` of a latent."""
    return self.synthesis(latent)

  def encode(self, x: jax.Array) -> encoder_lib.Encoded:
    """Returns the latent, not rounded, as `analyse` does."""
    return encoder_lib.Encoded(self.analyse(x))

  def answer(self, encoded: encoder_lib.Encoded, x: jax.Array) -> jax.Array:
    """Returns the image `[N, H, W, C]` float32 of a latent; no rounding.

    Args:
      encoded: as `encode(x)` returned it, or changed.
      x: `[N, H, W, C]`; only its size is used.
    """
    height, width = x.shape[1:3]
    image = self.synthesise(encoded.latent)
    return image[:, :height, :width].astype(jnp.float32)

  def encoder_layers(self) -> dict[str, Callable[..., Any]]:
    """Returns the layers of the analysis by name, in order."""
    *inner, last = self.analysis.stages
    parts = {}
    for part in inner:
      kind = 'relu' if part is nnx.relu else type(part).__name__.lower()
      parts[f'{kind}{sum(name.startswith(kind) for name in parts)}'] = part
    return parts | {'latent': last}

  def hyper_analyse(self, latent: jax.Array) -> jax.Array:
    """Returns the side information, not rounded, of a latent `[N, h, w, C]`.

    It is `[N, ceil(ceil(h / 2) / 2), ..., hyper_channels]` float32.
    """
    return self.hyper_analysis(latent)

  def hyper_synthesise(
    self, hyper: jax.Array, height: int, width: int
  ) -> tuple[jax.Array, jax.Array]:
    """Returns mean and log scale of the latent, `[N, height, width, C]` each.

    Args:
      hyper: rounded side information.
      height: of the latent.
      width: of the latent.
    """
    statistics = self.hyper_synthesis(hyper)[:, :height, :width]
    mean, log_scale = jnp.split(statistics, 2, axis=-1)
    return mean, log_scale

  def entropy_parts(
    self,
  ) -> tuple[
    entropy.FactorizedPrior, np.ndarray, list[protocol.PlainLayer] | None
  ]:
    """Returns what `codec.make_latent_code` takes: prior, gains, layers."""
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
    """Returns images as they come back, and estimates of their bits.

    In training, bits are those of the latent with uniform noise, which have a
    gradient; the synthesis sees it rounded, and the gradient passes straight
    through (Minnen and Singh, arXiv:2007.08739).

    Args:
      x: `[N, H, W, channels]` float32 in [0, 1], any H and W.
      quality: `[N]` int32 from 1, the coarsest, to `QUALITIES`.
      keys: `[N]` of the noise; None rounds everywhere, as a file does.
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


def build(
  config: config_lib.ModelConfig, options: Options, *, rngs: nnx.Rngs
) -> CompressionModel:
  """Returns the untrained model that `config` and `options` describe.

  NOTE: `config` is of the autoencoder of the other tasks. What it says on
  `skips`, `residual`, `upsampling`, `stem_stride` and `scale` is not used.
  """
  return CompressionModel(
    config.in_channels,
    widths=config.widths,
    latent_channels=config.latent_channels,
    blocks=config.blocks,
    kernel=config.kernel,
    dtype=config.dtype,
    **dataclasses.asdict(options),
    rngs=rngs,
  )
