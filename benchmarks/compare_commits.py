"""Times the layers of two commits against each other.

    python benchmarks/compare_commits.py --before=COMMIT --output=FILE.json

Each commit is checked out into a temporary git worktree. One process per commit
compiles a layer of `convolutions.CASES`, forward and forward with both
gradients; the two then run in turns, so that other work on the machine slows
both. Processes get Eigen and one device per core, as `launch.py` gives them.

The cases, and the code that measures, are those of this checkout for both.
"""

import contextlib
import importlib.util
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from absl import app
from absl import flags

ROOT = pathlib.Path(__file__).resolve().parents[1]

_BEFORE = flags.DEFINE_string('before', None, 'Commit to compare with.')
_AFTER = flags.DEFINE_string('after', 'HEAD', 'Commit to judge.')
_ROUNDS = flags.DEFINE_integer(
  'rounds', 30, 'Runs of each commit per case.', lower_bound=1
)
_ONLY = flags.DEFINE_string('only', '', 'Only the cases that contain this.')
_OUTPUT = flags.DEFINE_string('output', None, 'JSON file to write.')
_PASSES = ('forward', 'gradient')


def _serve(tree: str) -> None:
  """Times cases of the checkout in `tree`, as lines on standard input ask.

  A line is a JSON string, the name of a case to compile, or `null`, to run the
  compiled case once. The answer to `null` is the seconds of each pass.
  """
  sys.path[0] = tree
  import jax

  try:
    from autoencoder.runtime import processors
  except ImportError:  # Before the modules moved into rooms.
    from autoencoder import processors
  processors.use_eigen()
  processors.keep_freed_memory()
  processors.share(16)
  path = ROOT / 'benchmarks' / 'convolutions.py'
  spec = importlib.util.spec_from_file_location('convolutions', path)
  convolutions = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(convolutions)
  passes = []
  for line in sys.stdin:
    name = json.loads(line)
    if name is not None:
      case = next(c for c in convolutions.CASES if c.name() == name)
      *passes, _ = convolutions.compiled(
        case, 'float32', 'ours', convolutions.REPEATS
      )
    seconds = []
    for run, operands in passes:
      start = time.perf_counter()
      jax.block_until_ready(run(*operands))
      seconds.append(time.perf_counter() - start)
    print(json.dumps(seconds), flush=True)


class _Process:
  """A process that times the layers of one commit."""

  def __init__(self, tree: pathlib.Path):
    self._process = subprocess.Popen(
      [sys.executable, __file__, '--serve', str(tree)],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
      cwd=tree,
    )

  def ask(self, name: str | None) -> list[float]:
    """Returns the seconds of each pass of a case, after compiling a new one."""
    print(json.dumps(name), file=self._process.stdin, flush=True)
    return json.loads(self._process.stdout.readline())

  def close(self) -> None:
    self._process.stdin.close()
    self._process.wait()


@contextlib.contextmanager
def _worktree(commit: str):
  """Checks a commit out for as long as the context lasts."""
  with tempfile.TemporaryDirectory() as folder:
    tree = pathlib.Path(folder) / 'tree'
    git = ['git', '-C', str(ROOT), 'worktree']
    subprocess.run(
      [*git, 'add', '--quiet', '--detach', str(tree), commit], check=True
    )
    try:
      yield tree
    finally:
      subprocess.run([*git, 'remove', '--force', str(tree)], check=True)


def _hash(commit: str) -> str:
  result = subprocess.run(
    ['git', '-C', str(ROOT), 'rev-parse', '--verify', f'{commit}^{{commit}}'],
    capture_output=True,
    text=True,
    check=False,
  )
  if result.returncode:
    raise app.UsageError(f'{commit} is not a commit; give a hash or a branch.')
  return result.stdout.strip()


def _compare(processes: dict[str, _Process], name: str) -> dict[str, object]:
  """Returns one row: times of both commits, and how much faster `after` is."""
  for process in processes.values():
    process.ask(name)
  times: dict[str, list[list[float]]] = {key: [] for key in processes}
  for i in range(_ROUNDS.value):
    # In turns: whoever comes second finds other data in the caches.
    for key in list(processes)[:: 1 if i % 2 else -1]:
      times[key].append(processes[key].ask(None))
  row: dict[str, object] = {'name': name, 'kind': name.split()[0]}
  for i, what in enumerate(_PASSES):
    before, after = (
      [each[i] for each in times[key]] for key in ('before', 'after')
    )
    row[what] = {
      'before_ms': 1e3 * min(before),
      'after_ms': 1e3 * min(after),
      'speed': statistics.median(b / a for a, b in zip(after, before)),
    }
  return row


def main(argv):
  """Prints a row per case, then geometric means per kind of layer."""
  del argv
  sys.path.insert(0, str(ROOT))
  from autoencoder.runs import provenance
  from benchmarks import convolutions
  from benchmarks import interleaved

  names = [c.name() for c in convolutions.CASES if _ONLY.value in c.name()]
  if not names:
    raise app.UsageError(f'--only={_ONLY.value} matches no case.')
  if _OUTPUT.value and not pathlib.Path(_OUTPUT.value).parent.is_dir():
    raise app.UsageError(
      f'--output={_OUTPUT.value} must be in a folder that exists; create it.'
    )
  commits = {'before': _hash(_BEFORE.value), 'after': _hash(_AFTER.value)}
  rows = []
  print('speed of `after` relative to `before`, and ms before -> after')
  with contextlib.ExitStack() as stack:
    processes = {}
    for key, commit in commits.items():
      processes[key] = _Process(stack.enter_context(_worktree(commit)))
      stack.callback(processes[key].close)
    for name in names:
      row = _compare(processes, name)
      rows.append(row)
      print(
        f'{name:38}',
        ' | '.join(
          f'{what} {row[what]["speed"]:5.2f} '
          f'({row[what]["before_ms"]:.2f} -> {row[what]["after_ms"]:.2f})'
          for what in _PASSES
        ),
        flush=True,
      )
  summary = {}
  for kind in sorted({row['kind'] for row in rows}):
    for what in _PASSES:
      summary[f'{kind} {what}'] = interleaved.geometric_mean(
        {r['name']: r[what]['speed'] for r in rows if r['kind'] == kind}
      )
  for what in _PASSES:
    speeds = {r['name']: r[what]['speed'] for r in rows}
    summary[f'all {what}'] = interleaved.geometric_mean(speeds)
  for key, mean in summary.items():
    print(f'{key}: {json.dumps(mean)}')
  if _OUTPUT.value:
    report = provenance.describe() | {
      'commits': commits,
      'summary': summary,
      'rows': rows,
    }
    pathlib.Path(_OUTPUT.value).write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
  if sys.argv[1:2] == ['--serve']:
    _serve(sys.argv[2])
  else:
    flags.mark_flag_as_required('before')
    app.run(main)
