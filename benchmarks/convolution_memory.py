"""Measures peak memory of a layer's forward pass and gradients.

    python benchmarks/convolution_memory.py CASE ours

prints how many megabytes of resident memory three runs of a case, named as in
`CASES`, add at their peak. The temporary memory that XLA reports lacks the
buffers that its convolutions allocate. Linux only.
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# Cases that once needed three times the memory of Flax, the layers of the
# default decoder, and the cases for which XLA reports the most memory.
CASES = (
  'transposed 64x8x8 128->64 k4 s2',
  'transposed 64x32x32 32->16 k4 s2',
  'transposed 16x64x64 32->16 k4 s2',
  'transposed 16x32x32 64->32 k2 s2',
  'transposed 1x16x16 64->32 k4 s2',
  'transposed 4x64 64->1 k1024 s256',
  'transposed 4x8x8x8 32->16 k3 s2',
  'strided 4x16x16x16 16->32 k3 s2',
)


def _status(field: str) -> float:
  """Returns a memory field of this process, in MB."""
  for line in pathlib.Path('/proc/self/status').read_text().splitlines():
    if line.startswith(field):
      return int(line.split()[1]) * 1024 / 1e6
  raise ValueError(f'/proc/self/status has no {field}.')


def peak(name: str, contender: str) -> float:
  """Returns how much a case adds to the peak memory of this process, in MB."""
  import jax

  from benchmarks import convolutions

  case = next(c for c in convolutions.CASES if c.name() == name)
  _, (run, operands), _ = convolutions.compiled(case, 'float32', contender)
  before = _status('VmRSS')
  pathlib.Path('/proc/self/clear_refs').write_text('5')  # Forget the peak.
  for _ in range(3):
    jax.block_until_ready(run(*operands))
  return _status('VmHWM') - before


def measure() -> list[dict[str, object]]:
  """Returns the peaks of `CASES`, each measured in a fresh process."""
  rows = []
  for name in CASES:
    row = {'name': name}
    for contender in ('ours', 'flax'):
      child = subprocess.run(
        [sys.executable, __file__, name, contender],
        check=True,
        capture_output=True,
        text=True,
      )
      row[contender] = float(child.stdout)
    row['ratio'] = row['ours'] / row['flax']
    rows.append(row)
  return rows


if __name__ == '__main__':
  print(peak(*sys.argv[1:]))
