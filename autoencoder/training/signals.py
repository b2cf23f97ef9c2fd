"""Stopping when asked to, between two steps."""

import signal


class StopRequest:
  """Turns SIGTERM and Ctrl-C into a flag while the context is open.

  A second signal is delivered as usual, for whoever cannot wait for the step
  and the checkpoint.

  Attributes:
    signal: the signal received, or None.
  """

  def __init__(self):
    self.signal: signal.Signals | None = None
    self._previous = {}

  def __enter__(self) -> 'StopRequest':
    for number in (signal.SIGTERM, signal.SIGINT):
      try:
        self._previous[number] = signal.signal(number, self._receive)
      except ValueError:  # Not in the main thread: nothing to listen to.
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
