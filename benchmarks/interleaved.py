"""Paired timings, which other work on the machine disturbs little."""

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
  """Times contenders in turns, in rounds.

  Args:
    runs: the contenders, 'ours' among them.
    rounds: number of runs of each.
    seconds: time after which no further round starts, but at least three run.
    warm_up: rounds before the timed ones.

  Returns:
    `ms`, the fastest run of each, and `ratio`, the median over rounds of its
    time divided by ours in the same round.
  """
  for _ in range(warm_up):
    for run in runs.values():
      run()
  times = {name: [] for name in runs}
  begun = time.perf_counter()
  for done in range(rounds):
    if done >= 3 and time.perf_counter() - begun > seconds:
      break
    # In alternating order: the first finds the caches of the last.
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
  """Returns geometric mean and worst of ratios by name; larger is better."""
  worst = min(ratios, key=ratios.get)
  mean = math.exp(statistics.fmean(map(math.log, ratios.values())))
  return {'geometric_mean': mean, 'worst': ratios[worst], 'worst_case': worst}
