"""An encoder as a list of steps, which can be followed forwards and backwards.

A residual block becomes its layers between two further steps: 'fork' saves the
signal, and 'join' adds it again. So every prefix of the list is an encoder,
and receptive fields and projections exist for channels inside a block, too.
"""

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from flax import nnx
import jax

from autoencoder import errors
from autoencoder import layers
from autoencoder import models
from autoencoder.models import blocks
from autoencoder.models import inputs
from autoencoder.models.upsamplings import unpool


class Step(NamedTuple):
  """One operation.

  Attributes:
    kind: 'standardise', 'conv', 'relu', 'gdn', 'pool', 'fork' or 'join'.
    name: the model's name for it, such as 'block0_0.relu'.
    layer: the module, if there is one.
  """

  kind: str
  name: str
  layer: Any = None


class Layer(NamedTuple):
  """A layer to inspect: the output of the first `end` steps.

  Attributes:
    name: of the last step.
    kind: of the last step.
    end: number of steps.
  """

  name: str
  kind: str
  end: int


def chain(parts: Mapping[str, Any]) -> list[Step]:
  """Returns the steps of layers that follow each other.

  Args:
    parts: by name, in order: convolutions with square kernels and zero padding,
      `MaxPool`, `GDN`, `nnx.relu`, and the blocks of `autoencoder.models`.

  Raises:
    UserError: a part is of another kind.

  Example:

    >>> conv = layers.Conv(3, 8, (3, 3), rngs=nnx.Rngs(0))
    >>> [step.kind for step in chain({'first': conv, 'rectified': nnx.relu})]
    ['conv', 'relu']
  """
  return [step for name, part in parts.items() for step in _expand(name, part)]


def _expand(name: str, part: Any) -> list[Step]:
  """Returns the steps of one part."""
  if part is nnx.relu:
    return [Step('relu', name)]
  if isinstance(part, blocks.ResidualBlock):
    inner = {'conv1': part.conv1, 'relu': nnx.relu, 'conv2': part.conv2}
    branch = chain({f'{name}.{key}': value for key, value in inner.items()})
    return [Step('fork', name), *branch, Step('join', name)]
  if isinstance(part, unpool.PooledConv):
    return [
      *chain({f'{name}.conv': part.conv}), Step('pool', name, part.pool)
    ]  # fmt: skip
  if isinstance(part, layers.MaxPool):
    return [Step('pool', name, part)]
  if isinstance(part, layers.GDN):
    return [Step('gdn', name, part)]
  # Not their subclasses, which upsample.
  if type(part) in (nnx.Conv, layers.Conv) and _is_plain(part):
    return [Step('conv', name, part)]
  raise errors.UserError(
    f'{name} is a {type(part).__name__} that cannot be inspected: encoders of '
    'convolutions with square kernels and zero padding, MaxPool, GDN, nnx.relu '
    'and our residual blocks can.'
  )


def _is_plain(conv: nnx.Conv) -> bool:
  """Whether a convolution is 2-D, the same along both axes, and zero-padded."""
  pairs = [conv.kernel_size, geometry(conv)[1], geometry(conv)[2]]
  alike = all(len(pair) == 2 and len(set(pair)) == 1 for pair in pairs)
  padded = conv.padding not in ('CIRCULAR', 'REFLECT', 'CAUSAL')
  return alike and padded and conv.mask is None


def geometry(conv: nnx.Conv) -> tuple[tuple[int, ...], ...]:
  """Returns kernel size, strides and dilation of a convolution, per axis."""
  rank = len(conv.kernel_size)
  per_axis = [
    (value,) * rank if isinstance(value, int) else tuple(value or (1,) * rank)
    for value in (conv.strides, conv.kernel_dilation)
  ]
  return tuple(conv.kernel_size), *per_axis


def encoder_steps(model: Any) -> list[Step]:
  """Returns the steps from pixels in [0, 1] to the latent.

  NOTE: H and W have to be multiples of `model.stride`; `models.inputs.pad`
  makes them so.

  Args:
    model: a `models.Inspectable`.

  Raises:
    UserError: the model lacks what `models.Inspectable` asks for, or a layer
      cannot be inspected; see `chain`.
  """
  first = Step('standardise', 'standardise')
  models.require(model, models.Inspectable, 'be inspected')
  return [first, *chain(model.encoder_layers())]


def find_layers(steps: Sequence[Step]) -> list[Layer]:
  """Returns the layers to inspect: every activation, and the latent.

  A convolution or pooling counts only if another convolution follows without an
  activation in between.
  """
  found = []
  for end, step in enumerate(steps, start=1):
    following = steps[end].kind if end < len(steps) else 'conv'
    if step.kind in ('relu', 'gdn') or (
      step.kind in ('conv', 'pool') and following == 'conv'
    ):
      found.append(Layer(step.name, step.kind, end))
  return found


def trace(
  steps: Sequence[Step], x: jax.Array
) -> Iterator[tuple[jax.Array, Any]]:
  """Yields the output of each step, and data for the way back.

  Args:
    steps: from `encoder_steps`, or a prefix of it.
    x: `[N, H, W, C]`.

  Yields:
    `[N, h, w, C']`, and what `projection` needs: for a convolution, height and
    width of its input; for ReLU, where its input was positive; for GDN, the
    divisor; for a pooling, its switches with height and width of its input;
    else None.
  """
  saved: list[jax.Array] = []
  for step in steps:
    kept: Any = None
    match step.kind:
      case 'standardise':
        x = (x - inputs.CENTER) / inputs.SCALE
      case 'conv':
        kept, x = x.shape[1:3], step.layer(x)
      case 'relu':
        kept, x = x > 0, nnx.relu(x)
      case 'gdn':
        kept = step.layer.pool(x)
        x = step.layer(x)
      case 'pool':
        size = x.shape[1:3]
        x, switches = step.layer(x)
        kept = (switches, size)
      case 'fork':
        saved.append(x)
      case 'join':
        x = x + saved.pop()
    yield x, kept
