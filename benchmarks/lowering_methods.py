"""Times every way to compute an operation, the chosen one included.

    python benchmarks/lowering_methods.py --output=FILE.json

Answers the questions of `lowering_questions`, from which most thresholds of
`autoencoder.layers.lowerings.choose` come; docs/lowering.md has the tables.
Forward passes, input gradients and weight gradients are timed separately, in
float32 with Eigen, each core being one device. A program contains the layer
four times, with different images and kernels, to measure more than its start.
"""

from collections.abc import Iterator
import contextlib
import json
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
from autoencoder.layers.lowerings import choose  # noqa: E402
from autoencoder.runs import provenance  # noqa: E402
from autoencoder.runtime import processors  # noqa: E402
from benchmarks import interleaved  # noqa: E402
from benchmarks import lowering_questions  # noqa: E402

_OUTPUT = flags.DEFINE_string('output', None, 'JSON file to write.')
_ONLY = flags.DEFINE_string('only', '', 'Only the questions that contain this.')
_ROUNDS = flags.DEFINE_integer(
  'rounds', 15, 'Rounds of every comparison.', lower_bound=1
)

_REPEATS = 4


@contextlib.contextmanager
def _taking(decision: str, way: str):
  """Makes layers compute an operation in one way; checks that they ask."""
  product = way == 'product'
  if decision == 'patches':
    limit = 1 << 20 if product else 0
    with mock.patch.object(choose, '_FEW_PATCH_ELEMENTS', limit):
      yield
    return
  few = decision == 'few_channels'
  name = 'has_few_channels' if few else 'plan'
  rule, asked = getattr(choose, name), []

  def in_one_way(*args):
    asked.append(args)
    if few:
      return product
    plan = rule(*args)
    return plan._replace(**{decision: way}) if plan.backend.on_cpu else plan

  with mock.patch.object(choose, name, in_one_way):
    yield
  assert asked, f'Nothing depends on {decision}.'


def _compiled(
  question: lowering_questions.Question,
  shape: lowering_questions.Shape,
  ours: bool = True,
):
  """Returns a program of the timed operation, as layers now compute it.

  Args:
    question: what to time.
    shape: of the layer.
    ours: whether the layer is ours, rather than that of `jax.lax`.

  Returns:
    A function of no arguments, and the seconds that the program took to
    compile after it was lowered.
  """
  rank, strides = len(shape.size), (shape.stride,) * len(shape.size)
  spatial = 'HW'[-rank:]
  numbers = f'N{spatial}C', f'{spatial}IO', f'N{spatial}C'

  def layer(x, w):
    if question.layer == 'transposed' and not ours:
      return jax.lax.conv_transpose(x, w, strides, 'SAME')
    if question.layer == 'transposed':
      return layers.conv_transpose(x, w, strides)
    return layers.conv_general_dilated(
      x, w, strides, 'SAME', dimension_numbers=numbers
    )

  def all_layers(x, w):
    return [layer(*pair) for pair in zip(x, w)]

  def timed(x, w, cotangent):
    if question.timed == 'forward':
      return all_layers(x, w)
    if question.timed == 'images':
      return jax.vjp(lambda x: all_layers(x, w), x)[1](cotangent)
    pull = jax.vjp(lambda w: all_layers(x, w), w)[1]
    return jax.lax.psum(pull(cotangent), 'batch')

  kernel = (*[shape.kernel] * rank, shape.channels, shape.features)
  images = shape.images * jax.device_count()
  keys = jax.random.split(jax.random.key(0), (2, _REPEATS))
  w = [0.1 * jax.random.normal(key, kernel) for key in keys[0]]
  x = [
    jax.random.normal(key, (images, *shape.size, shape.channels))
    for key in keys[1]
  ]
  out = jax.eval_shape(layer, x[0], w[0]).shape
  cotangent = [jnp.ones(out)] * _REPEATS
  mesh = jax.sharding.Mesh(np.array(jax.devices()), ('batch',))
  specs = jax.P('batch'), jax.P(), jax.P('batch')
  operands = jax.device_put(
    (x, w, cotangent), tuple(jax.NamedSharding(mesh, spec) for spec in specs)
  )
  result = jax.P() if question.timed == 'kernel' else jax.P('batch')
  function = jax.shard_map(
    timed, mesh=mesh, in_specs=specs, out_specs=result, check_vma=False
  )
  jax.clear_caches()  # Earlier traces are for another way.
  lowered = jax.jit(function).lower(*operands)
  start = time.perf_counter()
  program = lowered.compile()
  seconds = time.perf_counter() - start
  return lambda: jax.block_until_ready(program(*operands)), seconds


def _answers() -> Iterator[dict[str, object]]:
  """Yields milliseconds by recorded name of a way, one row per shape."""
  for question in lowering_questions.QUESTIONS:
    if _ONLY.value not in question.name:
      continue
    for shape in question.shapes:
      runs, seconds = {}, {}
      runs['ours'], seconds['ours'] = _compiled(question, shape)
      for way, recorded in question.ways.items():
        if way == 'lax':
          program = _compiled(question, shape, ours=False)
        else:
          with _taking(question.decision, way):
            program = _compiled(question, shape)
        runs[recorded], seconds[recorded] = program
      timing = interleaved.measure(runs, _ROUNDS.value, 5.0)
      yield {
        'question': question.name,
        'timed': f'{question.layer}, {question.timed}',
        'shape': str(shape),
        'ms': {name: ms / _REPEATS for name, ms in timing['ms'].items()},
        'ratio': timing['ratio'],
        'compile_s': seconds,
      }


def main(argv):
  del argv
  names = [question.name for question in lowering_questions.QUESTIONS]
  if not any(_ONLY.value in name for name in names):
    raise app.UsageError(
      f'--only={_ONLY.value} matches no question. The questions are: '
      + '; '.join(names)
    )
  # Better now than after half an hour.
  if _OUTPUT.value and not pathlib.Path(_OUTPUT.value).parent.is_dir():
    raise app.UsageError(
      f'--output={_OUTPUT.value} must be in a folder that exists; create it.'
    )
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
  # The fastest of several is so by noise, too: a ratio is at most 1.
  ratios = {
    f'{row["question"]}: {row["shape"]}': min(1.0, *row['ratio'].values())
    for row in rows
  }
  report = provenance.describe() | {
    'fastest_over_ours': interleaved.geometric_mean(ratios),
    'rows': rows,
  }
  print('\nfastest over ours:', json.dumps(report['fastest_over_ours']))
  if _OUTPUT.value:
    pathlib.Path(_OUTPUT.value).write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
