"""The convolutional autoencoder, the default model of the experiments."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import errors
from autoencoder.image import resize
from autoencoder.models import decoder as decoder_lib
from autoencoder.models import encoder as encoder_lib
from autoencoder.models import geometry
from autoencoder.models import inputs
from autoencoder.models import upsamplings

# Zero padding of the convolutions changes the output near the border. With a
# mirrored border of this many pixels, flat colours stay flat.
_BORDER_MARGIN = 16


class Autoencoder(nnx.Module):
  """Encodes with strided convolutions, decodes with transposed convolutions.

  H and W may have any size. The model pads the image at the bottom and right
  with its mirror image, up to a multiple of `stride`, and crops the output.
  With a `scale`, the output is `scale` times as high and wide as the input.

  NOTE: Input and output are float32 for every compute `dtype`.

  Args:
    in_channels: channels of the input image.
    out_channels: channels of the output.
    widths: feature channels per scale, finest scale first. Each further scale
      halves H and W.
    blocks: residual blocks per scale, in the encoder and in the decoder.
    latent_channels: channels of the bottleneck.
    skips: whether the encoder's features are added to the decoder's features.
    residual: whether the first `out_channels` channels of the input are added
      to the output. With a `scale`, bicubic interpolation enlarges them first.
    upsampling: how the decoder doubles H and W. 'transposed' and 'subpixel'
      start with equal kernels for all phases, 'transposed_plain' and
      'subpixel_plain' do not. 'nearest' and 'bilinear' interpolate and then
      convolve. 'unpool' places values at the positions of the encoder's
      maxima; the encoder then convolves and max-pools instead of striding.
    kernel: side of the kernels of stride 2, strided and transposed; 'unpool'
      has none. With a multiple of 2, every output pixel of a transposed
      convolution sums the same number of terms, which avoids checkerboard
      artefacts (Odena et al., Distill 2016).
    stem_stride: stride of the first layer: 1, 2 or 4. The first scale has 1 /
      `stem_stride` of the input's H and W.
    scale: output pixels per input pixel, along each axis. Only the last layer
      works at the output's resolution; if it is a transposed convolution, its
      kernel has side `3 * stem_stride * scale`.
    dtype: compute type; parameters are float32.
    rngs: parameter key.

  Attributes:
    stride: input pixels per place of the latent, along each axis.
    scale: as given.
    mirrors: True; the model pads its input itself, see `models.Model`.
    side_inputs: the inputs of `answer` besides the latent: 'skips', 'switches'
      and 'input', as far as the model has them.
    receptive_radius: the largest distance, in rows or columns of the input, at
      which an input pixel influences an output pixel (apart from the mirrored
      border).

  Raises:
    ValueError: `residual` with fewer input than output channels; a `kernel`
      smaller than its stride, or another `kernel` than 2 with 'unpool';
      'unpool' with a `scale` or a `stem_stride` of 4; an unknown `upsampling`.

  Example:

    >>> model = Autoencoder(3, 3, widths=(8, 16), rngs=nnx.Rngs(0))
    >>> model(jnp.ones((1, 37, 50, 3))).shape
    (1, 37, 50, 3)
    >>> model.encode(jnp.ones((1, 37, 50, 3))).latent.shape
    (1, 19, 25, 64)
  """

  mirrors = True

  def __init__(
    self,
    in_channels: int,
    out_channels: int,
    *,
    widths: Sequence[int] = (32, 48, 64, 64),
    blocks: int = 1,
    latent_channels: int = 64,
    skips: bool = True,
    residual: bool = True,
    upsampling: str = 'transposed',
    kernel: int = 2,
    stem_stride: int = 1,
    scale: int = 1,
    dtype: str | jnp.dtype = jnp.float32,
    rngs: nnx.Rngs,
  ):
    if residual and in_channels < out_channels:
      raise errors.UserError(
        f'A residual model adds its input to its output: got {in_channels} '
        f'input channels for {out_channels} output channels. Give at least as '
        'many input as output channels, or set model.residual to False.'
      )
    geometry.check(upsampling, kernel, stem_stride, scale)
    dtype = jnp.dtype(dtype)
    self.in_channels = in_channels
    self.out_channels = out_channels
    self.skips = skips
    self.has_switches = upsamplings.find(upsampling).has_switches
    self.residual = residual
    self.scale = scale
    self.stride = stem_stride * 2 ** (len(widths) - 1)
    margin = -(-_BORDER_MARGIN // self.stride) * self.stride
    self.border_margin = margin if residual else 0
    self.receptive_radius = geometry.receptive_radius(
      len(widths), blocks, kernel, stem_stride, scale, upsampling
    )
    self.encoder = encoder_lib.Encoder(
      in_channels,
      widths,
      blocks,
      latent_channels,
      upsampling=upsampling,
      kernel=kernel,
      stem_stride=stem_stride,
      dtype=dtype,
      rngs=rngs,
    )
    self.decoder = decoder_lib.Decoder(
      out_channels,
      widths,
      blocks,
      latent_channels,
      upsampling=upsampling,
      kernel=kernel,
      stem_stride=stem_stride,
      scale=scale,
      zero_output=residual,
      dtype=dtype,
      rngs=rngs,
    )

  def encode(self, x: jax.Array) -> encoder_lib.Encoded:
    """Returns the latent, skips and switches of images.

    Args:
      x: `[N, H, W, in_channels]` float, with any H and W.

    Returns:
      An `Encoded` whose latent is `[N, ceil(H / stride), ceil(W / stride),
      latent_channels]`. Its skips are empty if the model has none.
    """
    inputs.check(x, self.in_channels)
    x = inputs.pad((x - inputs.CENTER) / inputs.SCALE, self.stride)
    encoded = self.encoder(x)
    return encoded if self.skips else encoded._replace(skips=())

  @property
  def side_inputs(self) -> tuple[str, ...]:
    """See `models.Inspectable`."""
    used = {
      'skips': self.skips,
      'switches': self.has_switches,
      'input': self.residual,
    }
    return tuple(name for name, is_used in used.items() if is_used)

  def encoder_layers(self) -> dict[str, Callable[..., Any]]:
    """Returns the layers of the encoder by name, in order."""
    return self.encoder.layers()

  def decode(
    self,
    latent: jax.Array,
    skips: Sequence[jax.Array] = (),
    switches: Sequence[jax.Array] = (),
  ) -> jax.Array:
    """Returns the decoder's output, before a residual model adds its input.

    Args:
      latent: `[N, h, w, latent_channels]`.
      skips: as `encode` returned them; required by a model with skips.
      switches: as `encode` returned them; required by 'unpool'.

    Returns:
      `[N, h * stride * scale, w * stride * scale, out_channels]` float32.

    Raises:
      ValueError: `skips` or `switches` are required and missing.
    """
    if self.skips and not skips:
      raise ValueError(
        'This model has skip connections and got no skips: call '
        'decode(*encode(x)), or build the model with skips=False to decode '
        'from the latent alone.'
      )
    if self.has_switches and self.stride > 1 and not switches:
      raise ValueError(
        "This model's upsampling needs the positions of the encoder's maxima "
        'and got no switches: call decode(*encode(x)), or build the model with '
        'another upsampling to decode from the latent alone.'
      )
    output = self.decoder(latent, skips, switches).astype(jnp.float32)
    # A correction of the image is in the units of the standardised input;
    # other outputs, such as logits, have no such units.
    return output * inputs.SCALE if self.residual else output

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns the model's output for images.

    Args:
      x: `[N, H, W, in_channels]` float, with any H and W.

    Returns:
      `[N, scale * H, scale * W, out_channels]` float32.
    """
    return self.answer(self.encode(x), x)

  def answer(self, encoded: encoder_lib.Encoded, x: jax.Array) -> jax.Array:
    """Returns the output for a given code instead of the code of `x`.

    Args:
      encoded: as `encode(x)` returned it, possibly changed.
      x: `[N, H, W, in_channels]`. It determines the size of the output, and a
        residual model adds it to the decoder's output.

    Returns:
      `[N, scale * H, scale * W, out_channels]` float32.
    """
    height, width = (self.scale * side for side in x.shape[1:3])
    output = self.decode(*encoded)[:, :height, :width]
    if self.residual:
      known = x[..., : self.out_channels].astype(jnp.float32)
      if self.scale > 1:
        known = resize.bicubic(known, self.scale)
      output = output + known
    return output
