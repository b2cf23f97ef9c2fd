"""Checkpoints: saved asynchronously, verified when read, newest good one wins.

A checkpoint has three items. `model` is all that using the network takes
(`params`, `extra` and `ema`, where there are any), `training` is what
continuing takes besides, and `info` is JSON: a checksum of every array and
whatever the caller adds. Arrays are saved from the host, so a run on eight
devices resumes on one and the reverse.
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
from autoencoder.runs import weights
from autoencoder.runs import workdir as workdir_lib

FOLDER = 'checkpoints'
DAMAGED_FOLDER = 'damaged_checkpoints'


class Restored(NamedTuple):
  """A checkpoint that was read and whose checksum holds.

  Attributes:
    step: updates applied.
    items: host arrays, as `autoencoder.runs.checkpoint` describes them.
    info: `checksums`, and what was given to `save`.
    damaged: what was wrong with newer checkpoints, `{step: reason}`.
  """

  step: int
  items: dict[str, Any]
  info: dict[str, Any]
  damaged: dict[int, str]


class Checkpoints:
  """The checkpoints of one run directory.

  Args:
    workdir: the run's directory; relative paths are fine.
    keep: newest checkpoints kept.
    read_only: never creates, cleans up or deletes anything.

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
    self._manager = ocp.CheckpointManager(
      self._folder,
      options=ocp.CheckpointManagerOptions(
        # Orbax's own read_only warns on every use; without these three it
        # changes nothing until `save` is called.
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
    """Waits for a save in progress and lets go of the files."""
    self.wait()
    self._manager.close()

  def steps(self) -> list[int]:
    """Returns the steps saved, oldest first."""
    return sorted(self._manager.all_steps())

  def save(self, step: int, items: dict[str, Any], **info: Any) -> None:
    """Starts saving; returns before the files are written.

    Args:
      step: updates applied; a step that is saved already is left as it is.
      items: a pytree per item, on any devices; its buffers may be donated as
        soon as this returns.
      **info: JSON values to keep with it.
    """
    if step in self._manager.all_steps():
      return
    # A true copy: on CPU `device_get` shares the buffer, and the next step
    # would overwrite a donated one while it is being written.
    items = jax.tree.map(lambda leaf: np.array(leaf), items)
    self._manager.save(
      step,
      args=ocp.args.Composite(
        info=ocp.args.JsonSave(info | {'checksums': _checksums(items)}),
        **{name: ocp.args.StandardSave(item) for name, item in items.items()},
      ),
    )

  def restore(self, like: dict[str, Any]) -> Restored | None:
    """Returns the newest good checkpoint; None where none was ever saved.

    Damaged checkpoints on the way to it are moved aside (unless `read_only`),
    out of the way of the steps that will be trained again.

    Args:
      like: the items to read, with arrays or `jax.ShapeDtypeStruct` leaves of
        the shapes and dtypes saved.

    Raises:
      ValueError: checkpoints exist and none of them can be read.
    """
    restored = self._newest(like)
    if restored is not None and not self._read_only:
      for step in restored.damaged:
        self._move_aside(step)
    return restored

  def _newest(self, like: dict[str, Any]) -> Restored | None:
    """Reads checkpoints from the newest on until one is good."""
    damaged = {}
    for step in reversed(self.steps()):
      try:
        items, info = self._read(step, like)
      except Exception as error:  # Damage shows as almost any exception.
        damaged[step] = (str(error) or repr(error)).splitlines()[0]
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
        raise errors.UserError(f'the checksum of {path} does not hold')
    return items, restored.info

  def _move_aside(self, step: int) -> None:
    """Moves a damaged checkpoint where it blocks nothing."""
    target = self._workdir / DAMAGED_FOLDER / str(step)
    target.parent.mkdir(exist_ok=True)
    if target.exists():
      shutil.rmtree(target)
    shutil.move(self._folder / str(step), target)
    self._manager.reload()


def _checksums(items: dict[str, Any]) -> dict[str, int]:
  """Returns a CRC-32 for each array, by its path."""
  return dict(_iterate_checksums(items))


def _iterate_checksums(items: dict[str, Any]) -> Iterator[tuple[str, int]]:
  for path, leaf in jax.tree_util.tree_leaves_with_path(items):
    data = np.ascontiguousarray(leaf)
    yield jax.tree_util.keystr(path), zlib.crc32(data.view(np.uint8).data)


def newest_step(workdir: str | os.PathLike) -> int:
  """Returns the step of the newest checkpoint, good or not; 0 without one."""
  paths = (pathlib.Path(workdir) / FOLDER).glob('[0-9]*')
  return max((int(p.name) for p in paths if p.name.isdigit()), default=0)


def load(workdir: str | os.PathLike) -> nnx.Module:
  """Returns the trained model of a run, ready to call.

  These are the averaged weights of the newest good checkpoint, where the run
  kept an average.

  Args:
    workdir: a directory that `launch.py` trained in, or 'pretrained:NAME'.

  Raises:
    ValueError: no run there, no checkpoint yet, or none that can be read.

  Example:

    model = autoencoder.load('runs/denoising')
    restored = model(noisy)  # [N, H, W, 3] in [0, 1], any H and W.
  """
  return load_step(workdir)[0]


def load_step(workdir: str | os.PathLike) -> tuple[nnx.Module, int]:
  """Returns what `load` does, and the number of updates of the weights."""
  workdir = packaged.resolve(workdir)
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
  # Without leaves, such a tree is not in the checkpoint.
  params = saved.get('ema', saved.get('params', params))
  return structure.merge(params, saved.get('extra', extra)), restored.step


def _no_checkpoint(workdir: str | os.PathLike) -> str:
  return f'The run in {workdir} has no checkpoint yet: train it first.'
