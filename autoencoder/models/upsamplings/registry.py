"""How the decoder enlarges, and how the encoder shrinks to match, by name.

Each module of this package registers one or more upsamplings. To add one, add a
module that calls `register`; no other file changes. An experiment file can call
`register`, too.
"""

from collections.abc import Callable
import functools
import importlib
import pkgutil
from typing import NamedTuple

from flax import nnx

from autoencoder import errors
from autoencoder import layers


def _accept(kernel: int, stem_stride: int, scale: int) -> None:
  """Accepts all options."""
  del kernel, stem_stride, scale


def strided_conv(
  kernel: int, factor: int, in_features: int, out_features: int, **kwargs
) -> nnx.Module:
  """Returns a convolution of stride `factor`; see `Upsampling.make_down`."""
  side = kernel * factor // 2
  return layers.Conv(
    in_features, out_features, (side, side), strides=(factor, factor), **kwargs
  )


def strided_conv_radius(kernel: int, factor: int) -> int:
  """Returns the distance to the far side of a strided kernel."""
  return kernel * factor // 2 - 1


class Upsampling(NamedTuple):
  """The layers of one kind of upsampling.

  Attributes:
    make_up: `(side, factor, in_features, out_features, **kwargs) -> layer`, the
      decoder's layer, which multiplies H and W by `factor`. `side` is the size
      of a kernel on the fine grid, for layers that have one. `kwargs` are
      `rngs`, `dtype` and sometimes `kernel_init`.
    up_radius: `kernel -> radius` of that layer, in coarse pixels, where
      `kernel` is the side of a kernel of stride 2.
    make_down: `(kernel, factor, in_features, out_features, **kwargs) -> layer`,
      the encoder's layer, which divides H and W by `factor`. By default a
      strided convolution.
    down_radius: `(kernel, factor) -> radius` of that layer, in fine pixels.
    has_switches: whether the encoder's layer returns `(features, switches)`,
      and the decoder's layer takes both.
    check: `(kernel, stem_stride, scale)` raises `UserError` for options that
      this upsampling does not support.
  """

  make_up: Callable[..., nnx.Module]
  up_radius: Callable[[int], int]
  make_down: Callable[..., nnx.Module] = strided_conv
  down_radius: Callable[[int, int], int] = strided_conv_radius
  has_switches: bool = False
  check: Callable[[int, int, int], None] = _accept


_registered: dict[str, Upsampling] = {}


def register(name: str, upsampling: Upsampling) -> None:
  """Adds an upsampling, so that `--config.model.upsampling=NAME` uses it.

  Registering a name again replaces the upsampling.

  Args:
    name: a word, such as 'transposed'.
    upsampling: its layers.

  Example:

    >>> kind = find('nearest')
    >>> register('mine', kind._replace(up_radius=lambda kernel: 2))
    >>> find('mine').up_radius(2)
    2
    >>> del _registered['mine']
  """
  _registered[name] = upsampling


def names() -> tuple[str, ...]:
  """Returns the names of all upsamplings, in alphabetical order."""
  _import_all()
  return tuple(sorted(_registered))


def find(name: str) -> Upsampling:
  """Returns the upsampling called `name`.

  Raises:
    UserError: there is none; the message lists all names.
  """
  if name not in names():
    raise errors.UserError(
      f'model.upsampling takes {", ".join(map(repr, names()))}; got {name!r}.'
    )
  return _registered[name]


@functools.cache
def _import_all() -> None:
  """Imports the modules of this package, which register upsamplings."""
  package = __name__.rpartition('.')[0]
  folder = importlib.import_module(package).__path__
  for module in pkgutil.iter_modules(folder):
    importlib.import_module(f'{package}.{module.name}')
