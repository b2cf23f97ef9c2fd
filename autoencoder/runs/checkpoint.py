"""Checkpoints: saved asynchronously and verified by checksums when read.

A checkpoint has three items. `model` has the arrays of the network: `params`;
`extra`, all variables that are no parameters, such as batch statistics; and
`ema`, the average of the parameters, if the run keeps one. `training` has the
further arrays that a resumed run needs. `info` is JSON: a checksum of every
array, and values that the caller adds. Random state (`nnx.RngState`) is not
saved, see `models.split`. Arrays are saved from the host, so that a run can
resume on another number of devices.
"""

from collections.abc import Iterator
import os
import pathlib
import shutil
import sys
from typing import Any
from typing import NamedTuple
import zlib

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from autoencoder import errors
from autoencoder import models
from autoencoder.runs import packaged
from autoencoder.runs import plain_path
from autoencoder.runs import weights
from autoencoder.runs import workdir as workdir_lib

FOLDER = 'checkpoints'
DAMAGED_FOLDER = 'damaged_checkpoints'


class Restored(NamedTuple):
  """A checkpoint that was read and verified.

  Attributes:
    step: number of updates.
    items: host arrays; the module docstring describes the items.
    info: `checksums`, and the values that `save` got.
    damaged: newer checkpoints that could not be used, `{step: reason}`.
  """

  step: int
  items: dict[str, Any]
  info: dict[str, Any]
  damaged: dict[int, str]


class Checkpoints:
  """The checkpoints of one run directory.

  Args:
    workdir: the run's directory; relative paths are fine.
    keep: number of newest checkpoints to keep; older ones are deleted.
    read_only: whether to leave all files unchanged.

  Example:

    with Checkpoints(workdir) as checkpoints:
      checkpoints.save(100, {'model': {'params': params}}, seconds=12.5)
  """

  def __init__(
    self, workdir: str | os.PathLike, *, keep: int = 3, read_only: bool = False
  ):
    self._workdir = pathlib.Path(workdir).resolve()
    self._folder = self._workdir / FOLDER
    self._read_only = read_only
    if not read_only:
      self._folder.mkdir(parents=True, exist_ok=True)
    self._plain = plain_path.PlainPath(self._folder)
    self._manager = ocp.CheckpointManager(
      self._plain.path,
      options=ocp.CheckpointManagerOptions(
        # The read_only option of Orbax warns on every use. With these three
        # options Orbax changes nothing either, unless `save` is called.
        max_to_keep=None if read_only else keep,
        create=False,
        cleanup_tmp_directories=not read_only,
      ),
    )

  def __enter__(self) -> 'Checkpoints':
    return self

  def __exit__(self, *unused_exception) -> None:
    self.close()

  def wait(self) -> None:
    """Waits for a save in progress."""
    self._manager.wait_until_finished()

  def close(self) -> None:
    """Waits for a save in progress and closes the files."""
    self.wait()
    self._manager.close()
    self._plain.remove()

  def steps(self) -> list[int]:
    """Returns the steps of all checkpoints, oldest first."""
    return sorted(self._manager.all_steps())

  def save(self, step: int, items: dict[str, Any], **info: Any) -> None:
    """Starts saving, and returns before the files are written.

    Args:
      step: number of updates. If there is a checkpoint of this step already, it
        is kept and nothing is saved.
      items: a pytree per item, on any devices. Its buffers may be donated as
        soon as this method returns.
      **info: JSON values to save with it.
    """
    if step in self._manager.all_steps():
      return
    # Copy, because on CPU `device_get` shares the buffer: the next training
    # step would overwrite a donated buffer while it is being written.
    items = jax.tree.map(lambda leaf: np.array(leaf), items)
    self._manager.save(
      step,
      args=ocp.args.Composite(
        info=ocp.args.JsonSave(info | {'checksums': _checksums(items)}),
        **{name: ocp.args.StandardSave(item) for name, item in items.items()},
      ),
    )

  def restore(self, like: dict[str, Any]) -> Restored | None:
    """Returns the newest checkpoint that is not damaged; None without any.

    Newer checkpoints that are damaged are moved to `DAMAGED_FOLDER` (unless
    `read_only`), so that their steps can be saved again.

    Args:
      like: the items to read. Leaves are arrays or `jax.ShapeDtypeStruct`s with
        the saved shapes and dtypes.

    Raises:
      UserError: there are checkpoints, and none of them can be read.
    """
    restored = self._newest(like)
    if restored is not None and not self._read_only:
      for step in restored.damaged:
        self._move_aside(step)
    return restored

  def _newest(self, like: dict[str, Any]) -> Restored | None:
    """Reads checkpoints, newest first, until one is not damaged."""
    damaged = {}
    for step in reversed(self.steps()):
      try:
        items, info = self._read(step, like)
      except Exception as error:  # Damage can raise almost any exception.
        reason = (str(error) or repr(error)).splitlines()[0]
        # TensorStore appends its whole specification in brackets.
        damaged[step] = reason.split(' [tensorstore_spec')[0].replace(
          str(self._plain.path), str(self._folder)
        )
        continue
      return Restored(step, items, info, damaged)
    if damaged:
      reasons = '; '.join(f'step {s}: {why}' for s, why in damaged.items())
      raise errors.UserError(
        f'None of the checkpoints in {self._folder} can be read ({reasons}). '
        'Start again in another --workdir.'
      )
    return None

  def _read(self, step, like):
    abstract = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like)
    restored = self._manager.restore(
      step,
      args=ocp.args.Composite(
        info=ocp.args.JsonRestore(),
        **{
          name: ocp.args.StandardRestore(item)
          for name, item in abstract.items()
        },
      ),
    )
    items = {name: restored[name] for name in like}
    for path, checksum in _checksums(items).items():
      if restored.info['checksums'].get(path) != checksum:
        raise errors.UserError(f'the checksum of {path} does not match')
    return items, restored.info

  def _move_aside(self, step: int) -> None:
    """Moves a damaged checkpoint to `DAMAGED_FOLDER`."""
    target = self._workdir / DAMAGED_FOLDER / str(step)
    target.parent.mkdir(exist_ok=True)
    if target.exists():
      shutil.rmtree(target)
    shutil.move(self._folder / str(step), target)
    self._manager.reload()


def _checksums(items: dict[str, Any]) -> dict[str, int]:
  """Returns the CRC-32 of each array, by the array's path."""
  return dict(_iterate_checksums(items))


def _iterate_checksums(items: dict[str, Any]) -> Iterator[tuple[str, int]]:
  for path, leaf in jax.tree_util.tree_leaves_with_path(items):
    data = np.ascontiguousarray(leaf)
    yield jax.tree_util.keystr(path), zlib.crc32(data.view(np.uint8).data)


def newest_step(workdir: str | os.PathLike) -> int:
  """Returns the step of the newest checkpoint, damaged or not; 0 without any.

  Args:
    workdir: the run's directory.
  """
  paths = (pathlib.Path(workdir) / FOLDER).glob('[0-9]*')
  return max((int(p.name) for p in paths if p.name.isdigit()), default=0)


def load(workdir: str | os.PathLike) -> nnx.Module:
  """Returns the trained model of a run, in evaluation mode.

  The weights are those of the newest checkpoint that is not damaged: the
  averaged weights if the run kept an average. In evaluation mode (`nnx`'s
  `model.eval()`), dropout is off and normalisation uses running statistics.

  Args:
    workdir: a run's directory, or 'pretrained:NAME'.

  Raises:
    UserError: there is no run, no checkpoint, or none that can be read.

  Example:

    model = autoencoder.load('runs/denoising')
    restored = model(noisy)  # [N, H, W, 3] in [0, 1], any H and W.
  """
  return load_step(workdir)[0]


def load_step(workdir: str | os.PathLike) -> tuple[nnx.Module, int]:
  """Returns the model as `load` does, and the number of updates.

  Args:
    workdir: a run's directory, or 'pretrained:NAME'.

  Raises:
    UserError: see `load`.
  """
  # Models are of 32 bits, whatever JAX_ENABLE_X64 says.
  with jax.enable_x64(False):
    return _load_step(packaged.resolve(workdir))


def _load_step(workdir: pathlib.Path) -> tuple[nnx.Module, int]:
  """Does what `load_step` describes."""
  run = workdir_lib.load(workdir)
  model = nnx.eval_shape(lambda: run.task.build_model(run.config, nnx.Rngs(0)))
  model.eval()
  structure, params, extra = models.split(model)
  if (workdir / packaged.WEIGHTS_FILE).is_file():
    arrays = weights.read(workdir, {'params': params, 'extra': extra})
    return structure.merge(**arrays), run.record['step']
  like = {'params': params, 'extra': extra}
  if run.config.train.ema_decay > 0:
    like['ema'] = params
  like = {name: tree for name, tree in like.items() if jax.tree.leaves(tree)}
  if not (workdir / FOLDER).is_dir():
    raise errors.UserError(_no_checkpoint(workdir))
  with Checkpoints(workdir, read_only=True) as checkpoints:
    restored = checkpoints.restore({'model': like})
  if restored is None:
    raise errors.UserError(_no_checkpoint(workdir))
  for step, reason in restored.damaged.items():
    print(
      f'Checkpoint {step} is damaged ({reason}); using step {restored.step}.',
      file=sys.stderr,
    )
  saved = jax.tree.map(jnp.asarray, restored.items['model'])
  # A tree without arrays is not in the checkpoint.
  params = saved.get('ema', saved.get('params', params))
  return structure.merge(params, saved.get('extra', extra)), restored.step


def _no_checkpoint(workdir: str | os.PathLike) -> str:
  """Returns the error message for a run that was not trained yet."""
  return f'The run in {workdir} has no checkpoint yet: train it first.'
