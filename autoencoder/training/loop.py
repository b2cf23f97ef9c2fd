"""The training loop: everything around the compiled step."""

import os
import time
from typing import NamedTuple

import jax
import numpy as np

from autoencoder import errors
from autoencoder.runs import checkpoint as checkpoint_lib
from autoencoder.training import progress as progress_lib
from autoencoder.training import setup
from autoencoder.training import signals
from autoencoder.training import writer as writer_lib


class Result(NamedTuple):
  """How a session of training ended.

  Attributes:
    step: number of updates applied.
    seconds: training time of the run, over all its sessions.
    signal: the signal that stopped the session; None if the run is complete.
  """

  step: int
  seconds: float
  signal: signals.signal.Signals | None


class NonFiniteLossError(errors.UserError):
  """The loss became NaN or infinite; the message says at which step."""


def train(training: setup.Training, workdir: str | os.PathLike) -> Result:
  """Trains up to `config.train.steps`, from the newest good checkpoint on.

  Resuming is bit-exact on CPU: a run that was killed and started again ends
  with the same parameters as one that was not. The batch and the corruption of
  a step depend on the seed and the step only, and the state holds everything
  else.

  Args:
    training: a run that is ready to step. Its state is consumed.
    workdir: the directory of checkpoints and metrics.

  Raises:
    NonFiniteLossError: the loss or the gradient is not finite. The message
      names the step and the last good checkpoint.
    UserError: the checkpoints cannot be read.
  """
  config = training.config.train
  with checkpoint_lib.Checkpoints(workdir, keep=config.keep) as checkpoints:
    state, seconds = _restore(training, checkpoints)
    step = int(state.step)
    if step >= config.steps:
      return Result(step, seconds, None)
    with (
      writer_lib.MetricWriter(workdir, first_step=step) as writer,
      progress_lib.Progress(step, config.steps, config.batch_size) as progress,
      signals.StopRequest() as stop,
    ):
      session = _Session(training, checkpoints, writer, progress, seconds)
      return session.run(state, stop)


def _restore(training, checkpoints):
  """Returns the state to continue from, and the seconds trained until then."""
  restored = checkpoints.restore(training.state.to_items())
  if restored is None:
    return training.state, 0.0
  for step, reason in restored.damaged.items():
    print(f'Checkpoint {step} is damaged ({reason}) and was moved aside.')
  print(f'Continuing from the checkpoint of step {restored.step}.')
  state = training.state.with_items(restored.items)
  return training.executor.replicate(state), restored.info['seconds']


class _Session:
  """One session of a run: from its start or a checkpoint to its end."""

  def __init__(self, training, checkpoints, writer, progress, seconds):
    self._training = training
    self._config = training.config.train
    self._checkpoints = checkpoints
    self._writer = writer
    self._progress = progress
    self._started = time.monotonic() - seconds
    self._pending = []  # Metrics of steps not yet fetched from the device.
    self._since = time.monotonic()

  def run(self, state, stop) -> Result:
    """Steps until the end of the run, or until a stop is requested."""
    training, config = self._training, self._config
    put = training.executor.put
    step = int(state.step)
    for batch in training.batches.iterate(step):
      state, metrics = training.executor.step(
        state, put(batch), training.key, training.pool
      )
      step += 1
      self._pending.append(metrics)
      if len(self._pending) > 1:  # Keep one step queued, not more.
        jax.block_until_ready(self._pending[-2])
      self._progress.advance()
      last = step == config.steps or stop.signal is not None
      if last or step % config.log_every == 0:
        self._log(step)
      if config.evaluate_every and (
        step % config.evaluate_every == 0 or step == config.steps
      ):
        self._measure(step, state)
      if last or step % config.checkpoint_every == 0:
        self._save(step, state)
      if last:
        break
    self._checkpoints.wait()
    return Result(step, self._seconds(), stop.signal)

  def _seconds(self) -> float:
    """Returns the training time of the run so far."""
    return time.monotonic() - self._started

  def _log(self, step: int) -> None:
    """Fetches and checks the metrics since the last call; writes their mean."""
    if not self._pending:
      return
    history = jax.device_get(self._pending)
    self._check(step - len(history) + 1, history)
    now = time.monotonic()
    rate = len(history) / (now - self._since)
    self._pending, self._since = [], now
    means = {
      name: float(np.mean([metrics[name] for metrics in history]))
      for name in history[0]
    }
    self._progress.show(
      step, {k: v for k, v in means.items() if k != 'grad_norm'}, rate
    )
    self._writer.write(
      step,
      means
      | {
        'images_per_second': rate * self._config.batch_size,
        'seconds': self._seconds(),
      },
    )

  def _measure(self, step: int, state) -> None:
    """Writes the metrics on held-out crops."""
    jax.block_until_ready(self._pending)  # Count these steps as training time.
    start = time.monotonic()
    metrics = jax.device_get(self._training.measure(state))
    self._writer.write(step, {k: float(v) for k, v in metrics.items()})
    self._since += time.monotonic() - start

  def _save(self, step: int, state) -> None:
    """Writes a checkpoint."""
    self._log(step)  # Checks the loss first: never save a diverged state.
    self._checkpoints.save(step, state.to_items(), seconds=self._seconds())
    self._since = time.monotonic()

  def _check(self, first: int, history: list[dict[str, np.ndarray]]) -> None:
    """Raises `NonFiniteLossError` if a step from `first` on has diverged."""
    for step, metrics in enumerate(history, first):
      # The loss belongs to the parameters before the update. The gradient
      # shows a bad update one step earlier.
      for name in ('loss', 'grad_norm'):
        if not np.isfinite(metrics[name]):
          self._fail(step, name, float(metrics[name]))

  def _fail(self, step: int, name: str, value: float) -> None:
    """Raises `NonFiniteLossError`."""
    self._checkpoints.wait()
    saved = self._checkpoints.steps()
    good = (
      f'the last good checkpoint is from step {saved[-1]}'
      if saved
      else 'there is no checkpoint before it'
    )
    raise NonFiniteLossError(
      f'{name} is {value} at step {step}; {good}. Start again in another '
      '--workdir with a lower --config.train.muon_learning_rate or '
      '--config.train.learning_rate, or look for damaged images in the data.'
    )
