"""An encoder as a list of steps, which can be walked forwards and back.

A residual block is two steps more than its layers: 'fork' keeps the signal,
'join' adds it again. So every prefix of the list is an encoder of its own, and
what a channel in the middle of a block sees can be computed and projected.
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


class Step(NamedTuple):
  """One operation.

  Attributes:
    kind: 'standardise', 'conv', 'relu', 'gdn', 'pool', 'fork' or 'join'.
    name: such as 'block0_0.relu', as the model calls it.
    layer: the module, where there is one.
  """

  kind: str
  name: str
  layer: Any = None


class Layer(NamedTuple):
  """A place to look at: the output of the first `end` steps.

  Attributes:
    name: of the last of them.
    kind: of the last of them.
    end: how many they are.
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
    ValueError: something else.

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
  if isinstance(part, blocks.PooledConv):
    return [
      *chain({f'{name}.conv': part.conv}), Step('pool', name, part.pool)
    ]  # fmt: skip
  if isinstance(part, layers.MaxPool):
    return [Step('pool', name, part)]
  if isinstance(part, layers.GDN):
    return [Step('gdn', name, part)]
  # Not its subclasses, which enlarge.
  if type(part) in (nnx.Conv, layers.Conv) and _is_plain(part):
    return [Step('conv', name, part)]
  raise errors.UserError(
    f'{name} is a {type(part).__name__} that cannot be inspected: encoders of '
    'convolutions with square kernels and zero padding, MaxPool, GDN, nnx.relu '
    'and our residual blocks can.'
  )


def _is_plain(conv: nnx.Conv) -> bool:
  """Whether it is two-dimensional, alike along both axes and padded by 0."""
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


def encoder_steps(model: nnx.Module) -> list[Step]:
  """Returns the steps from pixels in [0, 1] to the latent.

  NOTE: H and W have to be multiples of `model.stride`; `models.inputs.pad`
  makes them so.

  Args:
    model: a `models.Inspectable`.

  Raises:
    UserError: the model lacks what `models.Inspectable` asks for.
    ValueError: a layer of the encoder cannot be inspected, see `chain`.
  """
  first = Step('standardise', 'standardise')
  models.require(model, models.Inspectable, 'be inspected')
  return [first, *chain(model.encoder_layers())]


def find_layers(steps: Sequence[Step]) -> list[Layer]:
  """Returns the places worth a look: every activation, and the latent.

  A convolution or a pooling counts where another convolution follows and no
  activation comes between.
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
  """Yields the output of each step, and what its way back needs to know.

  Args:
    steps: such as `encoder_steps(model)`.
    x: `[N, H, W, C]`.

  Yields:
    `[N, h, w, C']`; and H and W of its input for a convolution, where it was
    positive for ReLU, the divisor of GDN, and switches, H and W for a pooling.
  """
  saved = []
  for step in steps:
    kept = None
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
