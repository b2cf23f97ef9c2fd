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
from autoencoder.layers.lowerings import ways
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
  """Returns the convolution, without dilation or feature groups."""
  ones = (1,) * len(strides)
  layer = _Layer(
    False, tuple(padding), x.shape[1:-1], tuple(strides), ones, 1,
    _numerics(precision, preferred_element_type),
  )  # fmt: skip
  return backend_lib.by_platform(functools.partial(_run, layer), x, kernel)


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
  """Returns the windows of the transposed convolution."""
  windows, strides, dilation = tuple(windows), tuple(strides), tuple(dilation)
  numerics = _numerics(precision, preferred_element_type)
  if groups == max(strides) == max(dilation) == 1:
    padding = ways.transposed_padding(
      x.shape[1:-1], kernel.shape, windows, strides, dilation
    )
    return convolution(x, kernel, padding, strides, **numerics)
  padding = tuple(
    (window.start, (n - 1) * s + (k - 1) * d + 1 - sum(window))
    for n, k, s, d, window in zip(
      x.shape[1:], kernel.shape, strides, dilation, windows
    )
  )
  sizes = tuple(window.length for window in windows)
  layer = _Layer(True, padding, sizes, strides, dilation, groups, numerics)
  return backend_lib.by_platform(functools.partial(_run, layer), x, kernel)


def _numerics(precision, preferred_element_type) -> Numerics:
  return {
    'precision': precision,
    'preferred_element_type': preferred_element_type,
  }


class _Layer(NamedTuple):
  """What a layer computes.

  Attributes:
    transposed: whether it maps the small grid to the large one.
    padding: zeros around the large grid.
    sizes: spatial shape of the large grid.
    strides: large-grid elements between neighbouring small-grid elements.
    dilation: large-grid elements between neighbouring kernel elements.
    groups: number of feature groups.
    numerics: precision and dtype.
  """

  transposed: bool
  padding: tuple[tuple[int, int], ...]
  sizes: tuple[int, ...]
  strides: tuple[int, ...]
  dilation: tuple[int, ...]
  groups: int
  numerics: Numerics


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


def _run(layer, backend, x, kernel):
  """Returns the result of the layer as planned for a backend."""
  is_transposed, padding, sizes, strides, dilation, groups, numerics = layer
  if backend.on_cpu and x.ndim == 3:  # XLA is fast for two spatial axes.
    flat = layer._replace(
      padding=((0, 0), *padding),
      sizes=(1, *sizes),
      strides=(1, *strides),
      dilation=(1, *dilation),
    )
    return _run(flat, backend, x[:, None], kernel[None])[:, 0]
  small, channels = x.shape[1:-1], kernel.shape[-2:]
  if not is_transposed:
    small = [
      (n + sum(pair) - k) // s + 1
      for n, k, s, pair in zip(sizes, kernel.shape, strides, padding)
    ]
    channels = channels[::-1]
  precision, preferred = numerics.values()
  kinds = {x.dtype, kernel.dtype, jnp.dtype(preferred or x.dtype)}
  # JAX adds this attribute at run time.
  default = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
  plan = choose.plan(
    choose.Shape(
      images=x.shape[0],
      devices=backend_lib.batch_devices(x),
      sizes=small,
      small_channels=channels[0] * groups,
      large_channels=channels[1],
      kernel_size=kernel.shape[:-2],
      strides=strides,
      dilation=dilation,
      transposed=is_transposed,
      groups=groups,
      exact=kinds != {jnp.dtype('float32')}
      or precision is not None
      or default is not None,
      sharded=backend_lib.is_sharded(x, kernel),
    ),
    backend,
  )
  low = [pair[0] for pair in padding]
  windows = tuple(map(shapes.Window, low, sizes))
  if plan.forward == 'conv3d':
    plane = layer._replace(
      padding=padding[1:],
      sizes=sizes[1:],
      strides=strides[1:],
      dilation=dilation[1:],
    )
    inner = functools.partial(_run, plane, backend)
    if is_transposed:
      return conv3d.transposed_convolution(
        inner, x, kernel, windows[0], strides[0], dilation[0]
      )
    return conv3d.strided_convolution(inner, x, kernel, padding[0], strides[0])

  def down(way, x, kernel, numerics):
    return ways.strided(
      plan, way, x, kernel, padding, strides, dilation, numerics
    )

  def up(way, x, kernel, numerics):
    return ways.transposed(
      plan, way, x, kernel, windows, strides, dilation, groups, numerics
    )

  def weights(x, g):
    large, small = (g, x) if is_transposed else (x, g)
    gradient = weight_gradient.compute(
      plan, large, small, kernel.shape[:-2], low, strides, dilation, precision
    )
    return _exchanged(gradient) if is_transposed else gradient

  forward, back = (up, down) if is_transposed else (down, up)
  exact = _numerics(precision, None)
  routes = _Ways(
    lambda x, kernel: forward(plan.forward, x, kernel, numerics),
    lambda g, kernel: back(plan.input_gradient, g, _exchanged(kernel), exact),
    weights,
  )
  return _apply(routes, plan, x, kernel)


def _exchanged(kernel):
  """Returns the kernel of the input gradient: flipped, channels exchanged."""
  return jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)


def _apply(routes: _Ways, plan: choose.Plan, x, kernel):
  if len({plan.forward, plan.input_gradient, plan.weight_gradient}) == 1:
    return routes.forward(x, kernel)  # JAX derives the gradients.
  return _with_gradients(routes, x, kernel)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _with_gradients(
  routes: _Ways, x: jax.Array, kernel: jax.Array
) -> jax.Array:
  """Returns `routes.forward(x, kernel)`, with the gradients of `routes`.

  The tangents are written as the transposes of the gradients. Reverse mode
  transposes them again, which gives the gradients back. As only ordinary JAX
  operations are involved, forward mode, second derivatives, `vmap` and
  `jax.checkpoint` need no rules.

  NOTE: In forward mode the transpose itself runs, which may be slow.
  """
  return routes.forward(x, kernel)


@_with_gradients.defjvp
def _jvp(routes, primals, tangents):
  x, kernel = primals
  x_dot, kernel_dot = tangents
  y = _with_gradients(routes, x, kernel)

  def for_x(g):
    return routes.input_gradient(g, kernel.astype(g.dtype)).astype(x.dtype)

  def for_kernel(x, g):
    return routes.weight_gradient(x, g).astype(kernel.dtype)

  # Values computed from `x` alone are recomputed in the backward pass.
  for_kernel = jax.checkpoint(for_kernel, prevent_cse=False)
  zero = backend_lib.varying_zero(x, kernel)
  (by_x,) = jax.linear_transpose(for_x, y)(x_dot + zero.astype(x.dtype))
  (by_kernel,) = jax.linear_transpose(functools.partial(for_kernel, x), y)(
    kernel_dot + zero.astype(kernel.dtype)
  )
  return y, by_x + by_kernel
