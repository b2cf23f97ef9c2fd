"""The platform and the library that a convolution is compiled for.

XLA on CPU computes convolutions with one of two libraries: YNNPACK, the default
from jaxlib 0.10.2 on, or Eigen, the default before and with the flag below.
Neither is always faster, and their slow shapes differ, so that each has its own
thresholds in `choose`. Results of `benchmarks/convolution_engine.py` are in
docs/lowering.md.
"""

from collections.abc import Callable
import functools
import math
import os

import jax
from jax import lax
import jax.numpy as jnp

from autoencoder.layers.lowerings import choose

FLAG = '--xla_cpu_experimental_ynn_fusion_type'
USE_EIGEN = f'{FLAG}=-individual_convolution'


def is_eigen() -> bool:
  """Returns whether XLA_FLAGS leave convolutions on CPU to Eigen.

  NOTE: XLA reads the variable once, when JAX starts. If it changed later, or if
  an exported program runs in a process with other flags, the thresholds are
  those of the other library: results stay correct, but may come slower.
  """
  given = [
    flag.partition('=')[2].lower().split(',')
    for flag in os.environ.get('XLA_FLAGS', '').split()
    if flag.startswith(FLAG + '=')
  ]
  if not given:
    return False
  kinds = [kind.removeprefix('library_fusion_type_') for kind in given[-1]]
  # Signs change the default, which has convolutions; a list replaces it.
  if any(kind.startswith(('+', '-')) for kind in kinds):
    return '-individual_convolution' in kinds
  return 'individual_convolution' not in kinds


def by_platform(
  function: Callable[[choose.Backend, jax.Array, jax.Array], jax.Array],
  x: jax.Array,
  kernel: jax.Array,
) -> jax.Array:
  """Returns `function(backend, x, kernel)` for the platform that will run it.

  The platform is known when a program is lowered, not when it is traced:
  `jax.export` lowers for platforms that this host does not have. So both
  branches are traced, and JAX lowers those of the platforms asked for.

  NOTE: Arrays whose type says that they are sharded (JAX's explicit mode) take
  the branch of other platforms, since few ways to rearrange them are allowed.
  So do images whose height or width is left open: plans compare them.
  """
  other = functools.partial(function, choose.OTHER)
  is_open = not all(isinstance(size, int) for size in x.shape[1:])
  if is_open or is_sharded(x, kernel):
    return other(x, kernel)
  table = choose.EIGEN if is_eigen() else choose.YNNPACK
  on_cpu = functools.partial(function, table)
  return lax.platform_dependent(x, kernel, cpu=on_cpu, default=other)


def is_sharded(*arrays: jax.Array) -> bool:
  """Returns whether the type of an array says that an axis of it is sharded."""
  return any(
    part is not None
    for array in arrays
    for part in jax.typeof(array).sharding.spec
  )


def batch_devices(x: jax.Array) -> int:
  """Returns the number of devices that the batch of `x` is split over.

  An array that exists says it by its sharding, and within `jax.set_mesh`,
  `jax.shard_map` and `jax.pmap` the mesh says it.

  NOTE: A function under `jax.jit` alone does not see how its arguments are
  sharded. If the batch divides evenly over all devices, it counts as split over
  them, as in training; otherwise it counts as whole. A wrong guess makes the
  program slower, not wrong.
  """
  images = x.shape[0]
  if not isinstance(images, int) or not images:  # A size that is left open.
    return 1
  if not isinstance(x, jax.core.Tracer):
    return images // x.sharding.shard_shape(x.shape)[0]
  mesh = jax.sharding.get_abstract_mesh()
  devices = jax.device_count()
  if not mesh.empty:
    split = math.prod(mesh.shape[axis] for axis in mesh.manual_axes)
    devices = mesh.size // split
  return devices if images % devices == 0 else 1


def varying_zero(*arrays: jax.Array) -> jax.Array:
  """Returns a zero whose type varies over the mesh axes that arrays vary over.

  `jax.shard_map` tracks over which axes values differ. Adding this zero gives a
  value that is equal everywhere the type of one that is not.
  """
  if not jax.sharding.get_abstract_mesh().manual_axes:
    return jnp.zeros(())
  return sum((a[:0].sum() for a in arrays), jnp.zeros(()))
