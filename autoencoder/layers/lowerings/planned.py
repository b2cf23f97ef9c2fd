"""Carries out plans: layers whose gradients have ways of their own."""

from collections.abc import Callable
from collections.abc import Sequence
import functools
from typing import Any
from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoencoder.layers import shapes
from autoencoder.layers.lowerings import backend as backend_lib
from autoencoder.layers.lowerings import choose
from autoencoder.layers.lowerings import conv3d
from autoencoder.layers.lowerings import strided
from autoencoder.layers.lowerings import transposed
from autoencoder.layers.lowerings import weight_gradient

Numerics = dict[str, Any]


def convolution(
  x: jax.Array,
  kernel: jax.Array,
  padding: Sequence[tuple[int, int]],
  strides: Sequence[int],
  precision: Any = None,
  preferred_element_type: Any = None,
) -> jax.Array:
  """Returns the convolution, without dilation or feature groups.

  Args:
    x: image with 1 to 3 spatial axes.
    kernel: kernel.
    padding: zeros around `x`.
    strides: input elements between neighbouring outputs.
    precision: see `jax.lax.Precision`.
    preferred_element_type: dtype of the result, or `None`.
  """
  numerics = _numerics(precision, preferred_element_type)
  run = functools.partial(_strided, tuple(padding), tuple(strides), numerics)
  return backend_lib.by_platform(run, x, kernel)


def transposed_convolution(
  x: jax.Array,
  kernel: jax.Array,
  windows: Sequence[shapes.Window],
  strides: Sequence[int],
  dilation: Sequence[int],
  groups: int = 1,
  precision: Any = None,
  preferred_element_type: Any = None,
) -> jax.Array:
  """Returns the windows of the transposed convolution.

  Args:
    x: image with 1 to 3 spatial axes.
    kernel: flipped (Flax's `transpose_kernel=False`).
    windows: see `shapes`, one per spatial axis.
    strides: output elements between neighbouring inputs.
    dilation: output elements between neighbouring kernel elements.
    groups: number of feature groups.
    precision: see `jax.lax.Precision`.
    preferred_element_type: dtype of the result, or `None`.

  Returns:
    `[N, *window lengths, F]` array.
  """
  windows, strides, dilation = tuple(windows), tuple(strides), tuple(dilation)
  numerics = _numerics(precision, preferred_element_type)
  if groups == max(strides) == max(dilation) == 1:
    padding = transposed.padding(
      x.shape[1:-1], kernel.shape, windows, strides, dilation
    )
    return convolution(x, kernel, padding, strides, **numerics)
  run = functools.partial(
    _transposed, windows, strides, dilation, groups, numerics
  )
  return backend_lib.by_platform(run, x, kernel)


def _numerics(precision, preferred_element_type) -> Numerics:
  return {
    'precision': precision,
    'preferred_element_type': preferred_element_type,
  }


class _Ways(NamedTuple):
  """A layer and its gradients, as functions.

  Attributes:
    forward: of `x` and `kernel`.
    input_gradient: of the cotangent of the result and `kernel`.
    weight_gradient: of `x` and the cotangent of the result.
  """

  forward: Callable[[jax.Array, jax.Array], jax.Array]
  input_gradient: Callable[[jax.Array, jax.Array], jax.Array]
  weight_gradient: Callable[[jax.Array, jax.Array], jax.Array]


def _strided(padding, strides, numerics, backend, x, kernel):
  """Returns the strided convolution as planned for a backend."""
  if backend.on_cpu and x.ndim == 3:  # XLA is fast for two spatial axes.
    y = _strided(
      ((0, 0), *padding), (1, *strides), numerics, backend, x[:, None],
      kernel[None],
    )  # fmt: skip
    return y[:, 0]
  small = [
    (n + sum(pair) - k) // s + 1
    for n, k, s, pair in zip(x.shape[1:], kernel.shape, strides, padding)
  ]
  precision, preferred = numerics.values()
  kinds = {x.dtype, kernel.dtype, jnp.dtype(preferred or x.dtype)}
  ones = (1,) * len(strides)
  shape = choose.Shape(
    images=x.shape[0],
    devices=backend_lib.batch_devices(x),
    sizes=small,
    small_channels=kernel.shape[-1],
    large_channels=kernel.shape[-2],
    kernel_size=kernel.shape[:-2],
    strides=strides,
    dilation=ones,
    transposed=False,
    exact=kinds != {jnp.dtype('float32')}
    or precision is not None
    or jax.config.jax_default_matmul_precision is not None,
  )
  plan = choose.plan(shape, backend)
  if plan.forward == 'conv3d':
    inner = functools.partial(
      _strided, padding[1:], strides[1:], numerics, backend
    )
    return conv3d.strided_convolution(inner, x, kernel, padding[0], strides[0])
  low = [pair[0] for pair in padding]
  windows = tuple(map(shapes.Window, low, x.shape[1:-1]))
  exact = _numerics(precision, None)
  ways = _Ways(
    lambda x, kernel: strided.convolution(
      plan, plan.forward, x, kernel, padding, strides, ones, numerics
    ),
    lambda g, kernel: transposed.convolution(
      plan, plan.input_gradient, g, _exchanged(kernel), windows, strides, ones,
      1, exact,
    ),
    lambda x, g: weight_gradient.compute(
      plan, x, g, shape.kernel_size, low, strides, ones, precision
    ),
  )  # fmt: skip
  return _apply(ways, plan, x, kernel)


def _transposed(
  windows, strides, dilation, groups, numerics, backend, x, kernel
):
  """Returns the transposed convolution as planned for a backend."""
  if backend.on_cpu and x.ndim == 3:  # XLA is fast for two spatial axes.
    windows = (shapes.Window(0, 1), *windows)
    strides, dilation = (1, *strides), (1, *dilation)
    y = _transposed(
      windows, strides, dilation, groups, numerics, backend, x[:, None],
      kernel[None],
    )  # fmt: skip
    return y[:, 0]
  shape = choose.Shape(
    images=x.shape[0],
    devices=backend_lib.batch_devices(x),
    sizes=x.shape[1:-1],
    small_channels=x.shape[-1],
    large_channels=kernel.shape[-1],
    kernel_size=kernel.shape[:-2],
    strides=strides,
    dilation=dilation,
    transposed=True,
    groups=groups,
    sharded=backend_lib.is_sharded(x, kernel),
  )
  plan = choose.plan(shape, backend)
  if plan.forward == 'conv3d':
    inner = functools.partial(
      _transposed, windows[1:], strides[1:], dilation[1:], 1, numerics, backend
    )
    return conv3d.transposed_convolution(
      inner, x, kernel, windows[0], strides[0], dilation[0]
    )
  low = [window.start for window in windows]
  padding = [
    (window.start, (n - 1) * s + (k - 1) * d + 1 - sum(window))
    for n, k, s, d, window in zip(
      x.shape[1:], kernel.shape, strides, dilation, windows
    )
  ]
  exact = _numerics(numerics['precision'], None)
  ways = _Ways(
    lambda x, kernel: transposed.convolution(
      plan, plan.forward, x, kernel, windows, strides, dilation, groups,
      numerics,
    ),
    lambda g, kernel: strided.convolution(
      plan, plan.input_gradient, g, _exchanged(kernel), padding, strides,
      dilation, exact,
    ),
    lambda x, g: _exchanged(
      weight_gradient.compute(
        plan, g, x, shape.kernel_size, low, strides, dilation,
        numerics['precision'],
      )
    ),
  )  # fmt: skip
  return _apply(ways, plan, x, kernel)


def _exchanged(kernel):
  """Returns the kernel of the input gradient: flipped, channels exchanged."""
  return jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)


def _apply(ways: _Ways, plan: choose.Plan, x, kernel):
  if len({plan.forward, plan.input_gradient, plan.weight_gradient}) == 1:
    return ways.forward(x, kernel)  # JAX derives the gradients.
  return _with_gradients(ways, x, kernel)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _with_gradients(ways: _Ways, x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Returns `ways.forward(x, kernel)`, with the gradients of `ways`.

  The tangents are written as the transposes of the gradients. Reverse mode
  transposes them again, which gives the gradients back. As only ordinary JAX
  operations are involved, forward mode, second derivatives, `vmap` and
  `jax.checkpoint` need no rules.

  NOTE: In forward mode the transpose itself runs, which may be slow.
  """
  return ways.forward(x, kernel)


@_with_gradients.defjvp
def _jvp(ways, primals, tangents):
  x, kernel = primals
  x_dot, kernel_dot = tangents
  y = _with_gradients(ways, x, kernel)

  def for_x(g):
    return ways.input_gradient(g, kernel.astype(g.dtype)).astype(x.dtype)

  def for_kernel(x, g):
    return ways.weight_gradient(x, g).astype(kernel.dtype)

  # Values computed from `x` alone are recomputed in the backward pass.
  for_kernel = jax.checkpoint(for_kernel, prevent_cse=False)
  zero = backend_lib.varying_zero(x, kernel)
  (by_x,) = jax.linear_transpose(for_x, y)(x_dot + zero.astype(x.dtype))
  (by_kernel,) = jax.linear_transpose(functools.partial(for_kernel, x), y)(
    kernel_dot + zero.astype(kernel.dtype)
  )
  return y, by_x + by_kernel
