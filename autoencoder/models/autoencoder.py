"""The convolutional autoencoder that every experiment trains."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.image import resize
from autoencoder.models import decoder as decoder_lib
from autoencoder.models import encoder as encoder_lib
from autoencoder.models import inputs

# With 16 pixels flat colours come back within 2 levels of 255 at the border,
# with 8 within 4, without within 36 (pretrained:denoising).
_BORDER_MARGIN = 16


class Autoencoder(nnx.Module):
  """Strided convolutions to a bottleneck, transposed convolutions back.

  Takes any H and W: the image is continued by mirroring at the bottom and
  right up to a multiple of `stride`, and the output is cropped back. With a
  `scale` the output is so many times as high and wide as the input.

  NOTE: Input and output are float32 whatever the compute `dtype`.

  Args:
    in_channels: channels of the input image.
    out_channels: channels of the output.
    widths: feature channels per scale, finest first; each halves H and W.
    blocks: residual blocks per scale, in the encoder and in the decoder.
    latent_channels: channels of the bottleneck.
    skips: whether encoder features are added to the decoder's.
    residual: whether the first `out_channels` input channels, enlarged by
      bicubic interpolation where there is a `scale`, are added to the output.
    upsampling: how the decoder doubles H and W: 'transposed' or 'subpixel',
      which start with equal phases, 'transposed_plain' or 'subpixel_plain',
      which do not, 'nearest' or 'bilinear' (then a convolution), or 'unpool',
      with which the encoder convolves and pools instead of striding.
    kernel: side of the strided and of the transposed kernels; 'unpool' has
      neither. A multiple of the stride 2 gives every output pixel the same
      number of products, so that no checkerboard is built in (Odena et al.,
      Distill 2016).
    stem_stride: 1 keeps the first scale's features at full resolution, 2 at
      half, 4 at a quarter.
    scale: output pixels per input pixel along each axis. Only the decoder's
      last layer works at the output's resolution; a transposed kernel there is
      `3 * stem_stride * scale` wide.
    dtype: compute type; parameters are float32.
    rngs: parameter key.

  Attributes:
    stride: pixels of the input for one of the latent.
    scale: as given.
    mirrors: True, how an image that is no multiple of `stride` is continued.
    side_inputs: what `answer` uses besides the latent: 'skips', 'switches'
      and 'input', as far as the model has them.
    border_margin: by how many pixels a picture should be mirrored at each
      border before it is shown to the model, see `inference.tiling`. At
      least 16 and a multiple of `stride` for residual models, otherwise 0.
    receptive_radius: an output pixel depends on input pixels at most this many
      input rows or columns away (apart from mirroring at the border).

  Raises:
    ValueError: `residual` with fewer input than output channels, a `kernel`
      below the stride, or one given for 'unpool'; 'unpool' with a `scale` or a
      `stem_stride` of 4; an unknown `upsampling`.

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
        f'A residual model adds its input to its output: {in_channels} input '
        f'channels cannot cover {out_channels} output channels. Set '
        'model.residual to False.'
      )
    _check_resampling(upsampling, kernel, stem_stride, scale)
    dtype = jnp.dtype(dtype)
    self.in_channels = in_channels
    self.out_channels = out_channels
    self.skips = skips
    self.upsampling = upsampling
    self.residual = residual
    self.scale = scale
    self.stride = stem_stride * 2 ** (len(widths) - 1)
    margin = -(-_BORDER_MARGIN // self.stride) * self.stride
    self.border_margin = margin if residual else 0
    self.receptive_radius = _receptive_radius(
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
    """Returns the latent, and what else there is, of `[N, H, W, in_channels]`.

    The latent is `[N, ceil(H / stride), ceil(W / stride), latent_channels]`.
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
      'switches': self.upsampling == 'unpool',
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
    """Returns the decoder's answer, float32, without the residual input.

    Args:
      latent: `[N, h, w, latent_channels]`.
      skips: as `encode` returned them; needed by a model with skips.
      switches: as `encode` returned them; needed by 'unpool'.

    Returns:
      `[N, h * stride * scale, w * stride * scale, out_channels]`.
    """
    if self.skips and not skips:
      raise ValueError(
        'This model has skip connections: call decode(*encode(x)), or build '
        'it with skips=False to decode from the latent alone.'
      )
    if self.upsampling == 'unpool' and self.stride > 1 and not switches:
      raise ValueError(
        "Unpooling needs to know where the encoder's maxima were: call "
        'decode(*encode(x)), or build the model with another upsampling than '
        "'unpool' to decode from the latent alone."
      )
    output = self.decoder(latent, skips, switches).astype(jnp.float32)
    # A correction is in the encoder's units; logits and the like have none.
    return output * inputs.SCALE if self.residual else output

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns `[N, H, W, out_channels]` float32, H and W `scale` times `x`'s.

    Args:
      x: `[N, H, W, in_channels]` with any H and W.
    """
    return self.answer(self.encode(x), x)

  def answer(self, encoded: encoder_lib.Encoded, x: jax.Array) -> jax.Array:
    """Returns the answer to `x`, had the encoder found `encoded` in it.

    Args:
      encoded: as `encode(x)` returned it, or with changes.
      x: `[N, H, W, in_channels]`; gives the size, and what is added to the
        decoder's answer by a residual model.
    """
    height, width = (self.scale * side for side in x.shape[1:3])
    output = self.decode(*encoded)[:, :height, :width]
    if self.residual:
      known = x[..., : self.out_channels].astype(jnp.float32)
      if self.scale > 1:
        known = resize.bicubic(known, self.scale)
      output = output + known
    return output


def _check_resampling(
  upsampling: str, kernel: int, stem_stride: int, scale: int
) -> None:
  """Raises `ValueError` for a name, a kernel or a stride that cannot be."""
  if scale < 1:
    raise ValueError(f'scale must be at least 1; got {scale}.')
  if stem_stride not in config_lib.STEMS:
    raise ValueError(f'stem_stride takes 1, 2 or 4; got {stem_stride}.')
  if upsampling not in config_lib.UPSAMPLINGS:
    raise ValueError(
      f'upsampling takes {", ".join(map(repr, config_lib.UPSAMPLINGS))}; got '
      f'{upsampling!r}.'
    )
  if kernel < 2:
    raise errors.UserError(
      f'kernel={kernel} leaves gaps between the windows of stride 2: take 2 or '
      'more.'
    )
  if upsampling == 'unpool' and kernel != 2:
    raise errors.UserError(
      f"upsampling='unpool' pools and has no strided kernels: kernel={kernel} "
      'would have no effect, leave it at 2.'
    )
  if upsampling == 'unpool' and stem_stride > 2:
    raise errors.UserError(
      "upsampling='unpool' pools 2 x 2 pixels at a time: model.stem_stride "
      f'takes 1 or 2 with it; got {stem_stride}.'
    )
  if upsampling == 'unpool' and scale > 1:
    raise errors.UserError(
      "upsampling='unpool' puts maxima back where the encoder found them, and "
      f'finds none beyond the input: for scale={scale} take another upsampling.'
    )


def _receptive_radius(
  levels: int,
  blocks: int,
  kernel: int,
  stem_stride: int,
  scale: int,
  upsampling: str,
) -> int:
  """Sums what each layer reaches, in input pixels.

  It is at least 2, which the bicubic interpolation of the input reaches.
  """
  # In coarse pixels. A fine pixel's neighbours are in the next coarse one, and
  # so is what they are interpolated from.
  up = (kernel - 1) // 2 if upsampling.startswith('transposed') else 1
  radius = 0
  for level in range(levels):
    factor = 2 if level else stem_stride
    coarse = stem_stride * 2**level
    # In fine pixels: to the far side of the kernel, or of a window of maxima
    # that a 3 x 3 convolution looks beyond.
    down = 2 if upsampling == 'unpool' else kernel * factor // 2 - 1
    # The layer that enlarges the output sees 3 x 3 coarse pixels.
    reach = 1 if scale > 1 and level == 0 else up
    radius += 2 * (2 * blocks) * coarse  # Two 3 x 3 a block, down and up.
    if coarse == 1:
      radius += 2  # The 3 x 3 convolutions in and out.
    else:
      radius += down * coarse // factor + reach * coarse
  return radius
