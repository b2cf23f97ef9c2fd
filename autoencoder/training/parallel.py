"""Two executors of the training step: `jit` over a mesh, and `pmap`.

Both have the same signature and keep the state without a device axis, so that
checkpoints and evaluation need not know which one ran.
"""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import jax
import numpy as np

from autoencoder import errors

DATA_AXIS = 'data'


class Executor(NamedTuple):
  """A compiled training step, and how to lay its inputs out over the devices.

  Attributes:
    step: `(state, batch, key, pool) -> (state, metrics)`, compiled. The state
      that is passed in is donated: do not use it again.
    put: splits a host batch `{name: [N, ...]}` over the devices.
    replicate: copies a pytree to every device.
  """

  step: Callable[..., Any]
  put: Callable[[dict[str, np.ndarray]], dict[str, jax.Array]]
  replicate: Callable[[Any], Any]


def make_executor(
  kind: str,
  make_step: Callable[..., Any],
  batch_size: int,
  devices: Sequence[jax.Device] | None = None,
) -> Executor:
  """Returns the executor that `config.parallel` names.

  Args:
    kind: 'jit' or 'pmap'.
    make_step: `make_step(axis_name=...)` returns the pure training step.
    batch_size: images per step, over all devices.
    devices: the devices to use; by default all.

  Raises:
    UserError: the batch size is no multiple of the number of devices.
  """
  devices = jax.devices() if devices is None else list(devices)
  count = len(devices)
  if batch_size % count:
    lower, upper = batch_size // count * count, -(-batch_size // count) * count
    raise errors.UserError(
      f'train.batch_size = {batch_size} cannot be shared evenly among {count} '
      f'devices; use {f"{lower} or " if lower else ""}{upper}.'
    )
  mesh = jax.sharding.Mesh(np.array(devices), (DATA_AXIS,))
  replicated = jax.NamedSharding(mesh, jax.P())
  split = jax.NamedSharding(mesh, jax.P(DATA_AXIS))
  compile_step = {'jit': _compile_jit, 'pmap': _compile_pmap}[kind]
  step, put = compile_step(make_step, replicated, split)
  return Executor(
    step=step,
    put=lambda batch: jax.tree.map(put, batch),
    replicate=lambda tree: jax.device_put(tree, replicated),
  )


def _compile_jit(make_step, replicated, split):
  """Returns the step for `jit` over a mesh, and a function to split arrays."""
  step = jax.jit(
    make_step(axis_name=None),
    in_shardings=(replicated, split, replicated, replicated),
    out_shardings=replicated,
    donate_argnums=0,
  )
  return step, lambda x: jax.make_array_from_process_local_data(split, x)


def _compile_pmap(make_step, replicated, split):
  """Returns the step for `pmap`, and a function to split arrays."""
  devices = split.mesh.devices.size
  # `out_axes=None` takes the value of one device. That is correct because the
  # step averages gradients, metrics and model state over DATA_AXIS.
  step = jax.pmap(
    make_step(axis_name=DATA_AXIS),
    axis_name=DATA_AXIS,
    in_axes=(None, 0, None, None),
    out_axes=None,
    donate_argnums=0,
    devices=list(split.mesh.devices.flat),
  )
  return step, lambda x: x.reshape((devices, -1) + x.shape[1:])
