"""Writes the metrics of a run, as JSON lines and as TensorBoard events."""

import json
import math
import os
import pathlib

from autoencoder.runs import files
from autoencoder.runs import metrics_log


class MetricWriter:
  """Appends metrics to `metrics.jsonl` and `tensorboard/` of a run.

  A resumed run repeats the steps after its checkpoint. Lines that an earlier
  session wrote about these steps are dropped, so that each step appears once.

  Args:
    workdir: the directory of the run.
    first_step: the step that this session starts from.

  Example:

    with MetricWriter(workdir, first_step=0) as writer:
      writer.write(50, {'loss': 0.1})
  """

  def __init__(self, workdir: str | os.PathLike, *, first_step: int):
    from tensorboardX import SummaryWriter  # Slow to import.

    path = pathlib.Path(workdir) / metrics_log.FILE_NAME
    kept = [
      json.dumps(line) + '\n'
      for line in metrics_log.read(workdir)
      if line['step'] <= first_step
    ]
    files.write_bytes(path, ''.join(kept).encode())
    self._file = path.open('a')
    self._events = SummaryWriter(
      os.path.join(workdir, 'tensorboard'), purge_step=first_step + 1
    )

  def __enter__(self) -> 'MetricWriter':
    return self

  def __exit__(self, *unused_exception) -> None:
    self._file.close()
    self._events.close()

  def write(self, step: int, metrics: dict[str, float]) -> None:
    """Writes one line and flushes it, so that a killed run loses no line."""
    # JSON has no NaN: a metric without a value is null.
    values = {k: v if math.isfinite(v) else None for k, v in metrics.items()}
    self._file.write(json.dumps({'step': step} | values) + '\n')
    self._file.flush()
    for name, value in metrics.items():
      self._events.add_scalar(name, value, step)
