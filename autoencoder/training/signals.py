"""Stopping on request, between two steps."""

import signal
from typing import Any


class StopRequest:
  """Turns SIGTERM and Ctrl-C into a flag while the context is open.

  A second signal has its usual effect, for users who cannot wait for the step
  and the checkpoint.

  Attributes:
    signal: the signal that was received, or None.
  """

  def __init__(self) -> None:
    self.signal: signal.Signals | None = None
    self._previous: dict[signal.Signals, Any] = {}

  def __enter__(self) -> 'StopRequest':
    for number in (signal.SIGTERM, signal.SIGINT):
      try:
        self._previous[number] = signal.signal(number, self._receive)
      except ValueError:  # Only the main thread can handle signals.
        break
    return self

  def __exit__(self, *unused_exception) -> None:
    self._restore()

  def _receive(self, number, unused_frame) -> None:
    self.signal = signal.Signals(number)
    self._restore()

  def _restore(self) -> None:
    for number, handler in self._previous.items():
      signal.signal(number, handler)
