"""Two executors with one signature: `jit` over a mesh, and `pmap`.

Both keep the state un-stacked, so that checkpoints, evaluation and everything
else need not know which one ran.
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
  """A compiled step and how to feed it.

  Attributes:
    step: `(state, batch, key, pool) -> (state, metrics)`, compiled; the state
      given to it is donated and must not be used again.
    put: lays a host batch `{name: [N, ...]}` out over the devices.
    replicate: lays a pytree out whole on every device.
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
    batch_size: images a step over all devices.
    devices: what to run on; by default every device there is.

  Raises:
    ValueError: if the batch cannot be shared evenly among the devices.
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
  step = jax.jit(
    make_step(axis_name=None),
    in_shardings=(replicated, split, replicated, replicated),
    out_shardings=replicated,
    donate_argnums=0,
  )
  return step, lambda x: jax.make_array_from_process_local_data(split, x)


def _compile_pmap(make_step, replicated, split):
  devices = split.mesh.devices.size
  # `out_axes=None` takes one device's value: right only because the step
  # averages gradients, metrics and model state over DATA_AXIS itself.
  step = jax.pmap(
    make_step(axis_name=DATA_AXIS),
    axis_name=DATA_AXIS,
    in_axes=(None, 0, None, None),
    out_axes=None,
    donate_argnums=0,
    devices=list(split.mesh.devices.flat),
  )
  return step, lambda x: x.reshape((devices, -1) + x.shape[1:])
