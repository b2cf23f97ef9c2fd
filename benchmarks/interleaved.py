"""Paired timings, of use on a machine that does other work as well."""

from collections.abc import Callable
import math
import statistics
import time


def measure(
  runs: dict[str, Callable[[], object]],
  rounds: int,
  seconds: float = 20.0,
  *,
  warm_up: int = 1,
) -> dict[str, dict[str, float]]:
  """Times contenders one after the other, round by round.

  Args:
    runs: the contenders, 'ours' among them.
    rounds: how often each runs.
    seconds: after this long no further round starts, from the third on.
    warm_up: rounds that do not count, before.

  Returns:
    `ms`, the fastest round of each, and `ratio`, the median over rounds of each
    one's time over ours in the same round.
  """
  for _ in range(warm_up):
    for run in runs.values():
      run()
  times = {name: [] for name in runs}
  begun = time.perf_counter()
  for done in range(rounds):
    if done >= 3 and time.perf_counter() - begun > seconds:
      break
    # Whoever comes first finds the caches as the last one left them.
    order = list(runs) if done % 2 else list(reversed(runs))
    for name in order:
      start = time.perf_counter()
      runs[name]()
      times[name].append(time.perf_counter() - start)
  return {
    'ms': {name: 1e3 * min(taken) for name, taken in times.items()},
    'ratio': {
      name: statistics.median(a / b for a, b in zip(taken, times['ours']))
      for name, taken in times.items()
      if name != 'ours'
    },
  }


def geometric_mean(ratios: dict[str, float]) -> dict[str, object]:
  """Returns mean and worst of ratios by name, larger being better."""
  worst = min(ratios, key=ratios.get)
  mean = math.exp(statistics.fmean(map(math.log, ratios.values())))
  return {'geometric_mean': mean, 'worst': ratios[worst], 'worst_case': worst}
