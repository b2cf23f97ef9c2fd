"""Times every way to compute an operation beside the one that layers choose.

    python benchmarks/lowering_methods.py --output=FILE.json

The table behind the thresholds of `autoencoder.layers` (`docs/lowering.md`):
one question for each, and shapes on both sides of it. Forward passes, gradients
for images and gradients for kernels are timed apart, float32, each on all cores
and a layer four times in a program, as in `transposed_convolution.py`.
`--noeigen` leaves XLA's convolutions to whatever it takes by itself.
"""

from collections.abc import Iterator
import json
import math
import pathlib
import sys
import time
from unittest import mock

from absl import app
from absl import flags
import jax
import jax.numpy as jnp
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder import layers  # noqa: E402
from autoencoder import processors  # noqa: E402
from autoencoder import provenance  # noqa: E402
from autoencoder.layers import methods  # noqa: E402
from autoencoder.layers import narrow  # noqa: E402
from autoencoder.layers import strided  # noqa: E402
from benchmarks import interleaved  # noqa: E402
from benchmarks import lowering_questions  # noqa: E402

_OUTPUT = flags.DEFINE_string('output', None, 'JSON file to write.')
_ONLY = flags.DEFINE_string('only', '', 'Ask the questions that have this.')
_ROUNDS = flags.DEFINE_integer('rounds', 15, 'Rounds of every comparison.')
_EIGEN = flags.DEFINE_bool('eigen', True, 'As launch.py sets XLA up.')

_REPEATS = 4


def _taking(field: str, way: str):
  """Returns a context in which layers compute an operation in one way."""
  product = way == 'product'
  if field == 'narrow':
    return mock.patch.object(narrow, 'suits', lambda x, kernel: product)
  if field == 'side by side':
    return mock.patch.object(strided, '_FEW_TAPS', 1 << 20 if product else 0)
  choose = methods.choose

  def choose_it(*args, **kwargs):
    return choose(*args, **kwargs)._replace(**{field: way})

  return mock.patch.object(methods, 'choose', choose_it)


def _compiled(
  question: lowering_questions.Question, shape: lowering_questions.Shape
):
  """Returns a program for what is timed, as layers now compute it."""
  rank, strides = len(shape.size), (shape.stride,) * len(shape.size)
  spatial = 'HW'[-rank:]
  numbers = f'N{spatial}C', f'{spatial}IO', f'N{spatial}C'

  def layer(x, w):
    if question.layer == 'transposed':
      return layers.conv_transpose(x, w, strides)
    return layers.conv_general_dilated(
      x, w, strides, 'SAME', dimension_numbers=numbers
    )

  def timed(x, w, cotangent):
    if question.timed == 'forward':
      return [layer(each, w) for each in x]
    if question.timed == 'images':
      return jax.vjp(lambda x: [layer(a, w) for a in x], x)[1](cotangent)
    pull = jax.vjp(lambda w: [layer(each, w) for each in x], w)[1]
    return jax.lax.psum(pull(cotangent), 'batch')

  kernel = (*[shape.kernel] * rank, shape.channels, shape.features)
  w = 0.1 * jax.random.normal(jax.random.key(1), kernel)
  x = [
    jax.random.normal(key, (shape.images, *shape.size, shape.channels))
    for key in jax.random.split(jax.random.key(0), _REPEATS)
  ]
  out = jax.eval_shape(layer, x[0], w).shape
  cotangent = [jnp.ones(out)] * _REPEATS
  count = math.gcd(shape.images, jax.device_count())
  mesh = jax.sharding.Mesh(np.array(jax.devices()[:count]), ('batch',))
  specs = jax.P('batch'), jax.P(), jax.P('batch')
  operands = jax.device_put(
    (x, w, cotangent), tuple(jax.NamedSharding(mesh, spec) for spec in specs)
  )
  result = jax.P() if question.timed == 'kernel' else jax.P('batch')
  function = jax.shard_map(
    timed, mesh=mesh, in_specs=specs, out_specs=result, check_vma=False
  )
  jax.clear_caches()  # What was traced before was for another way.
  lowered = jax.jit(function).lower(*operands)
  start = time.perf_counter()
  program = lowered.compile()
  seconds = time.perf_counter() - start
  return lambda: jax.block_until_ready(program(*operands)), seconds


def _answers() -> Iterator[dict[str, object]]:
  """Yields milliseconds by way, question by question and shape by shape."""
  for question in lowering_questions.QUESTIONS:
    if _ONLY.value not in question.name:
      continue
    for shape in question.shapes:
      runs, seconds = {}, {}
      runs['ours'], seconds['ours'] = _compiled(question, shape)
      for way in question.ways:
        with _taking(question.field, way):
          runs[way], seconds[way] = _compiled(question, shape)
      timing = interleaved.measure(runs, _ROUNDS.value, 10.0)
      ways = timing['ratio']
      yield {
        'question': question.name,
        'timed': f'{question.layer}, {question.timed}',
        'shape': str(shape),
        'ms': {name: ms / _REPEATS for name, ms in timing['ms'].items()},
        'ratio': ways,
        'fastest': min(ways, key=ways.get),
        'compile_s': seconds,
      }


def main(argv):
  del argv
  if _EIGEN.value:
    processors.use_eigen()
  processors.keep_freed_memory()
  processors.share(16)
  rows, asked = [], None
  for row in _answers():
    if row['question'] != asked:
      asked = row['question']
      print(f'\n{asked} ({row["timed"]}): ms by way, seconds to compile')
    ways = ', '.join(
      f'{name} {ms:.2f} ({row["compile_s"][name]:.1f})'
      for name, ms in row['ms'].items()
    )
    print(f'  {row["shape"]:28} {ways}', flush=True)
    rows.append(row)
  # Noise of the fastest of several counts against ours: never more than 1.
  ratios = {
    f'{row["question"]}: {row["shape"]}': min(1.0, *row['ratio'].values())
    for row in rows
  }
  report = provenance.describe() | {
    'fastest_over_ours': interleaved.geometric_mean(ratios), 'rows': rows
  }
  print('\nfastest over ours:', json.dumps(report['fastest_over_ours']))
  if _OUTPUT.value:
    pathlib.Path(_OUTPUT.value).write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
