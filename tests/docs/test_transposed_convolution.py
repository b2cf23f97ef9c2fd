"""The notebook runs, its stored outputs are up to date and right.

To store new outputs: `jupyter nbconvert --to notebook --execute --inplace
docs/transposed_convolution.ipynb`, and `python docs/animation.py`.
"""

import base64
import contextlib
import io
import json
import pathlib
import sys

import matplotlib
import numpy as np
from PIL import Image
import pytest

matplotlib.use('Agg')

import matplotlib.pyplot as plt  # noqa: E402

DOCS = pathlib.Path(__file__).parents[2] / 'docs'
NOTEBOOK = DOCS / 'transposed_convolution.ipynb'


def _code_cells():
  """Returns `(source, stored cell)` of every code cell."""
  cells = json.loads(NOTEBOOK.read_text(encoding='utf-8'))['cells']
  return [(''.join(c['source']), c) for c in cells if c['cell_type'] == 'code']


def _stored_text(cell):
  return ''.join(
    ''.join(output['text'])
    for output in cell['outputs']
    if output['output_type'] == 'stream'
  )


def _stored_pictures(cell):
  return [
    Image.open(io.BytesIO(base64.b64decode(output['data']['image/png'])))
    for output in cell['outputs']
    if output['output_type'] == 'display_data'
  ]


def _execute(sources, directory):
  """Runs cells; returns their namespace, printed text and pictures."""
  namespace = {'__name__': 'notebook'}
  texts, pictures = [], []

  def show():
    for number in plt.get_fignums():
      buffer = io.BytesIO()
      plt.figure(number).savefig(buffer, bbox_inches='tight')
      pictures[-1].append(Image.open(buffer))
    plt.close('all')

  with pytest.MonkeyPatch.context() as patch:
    patch.chdir(directory)
    patch.setattr(sys, 'path', list(sys.path))
    patch.setattr(plt, 'show', show)
    for source in sources:
      pictures.append([])
      with contextlib.redirect_stdout(io.StringIO()) as text:
        exec(compile(source, NOTEBOOK.name, 'exec'), namespace)
      texts.append(text.getvalue())
  return namespace, texts, pictures


@pytest.fixture(scope='module')
def run():
  return _execute([source for source, _ in _code_cells()], DOCS)


def test_cells_are_stored_executed_in_order():
  counts = [cell['execution_count'] for _, cell in _code_cells()]
  assert counts == list(range(1, len(counts) + 1))
  kinds = {o['output_type'] for _, c in _code_cells() for o in c['outputs']}
  assert kinds == {'stream', 'display_data'}
  names = {o.get('name') for _, c in _code_cells() for o in c['outputs']}
  assert 'stderr' not in names
  assert NOTEBOOK.stat().st_size < 1.5e6


def test_stored_text_equals_the_printed_text(run):
  for (_, cell), text in zip(_code_cells(), run[1]):
    assert _stored_text(cell) == text


def test_stored_pictures_equal_the_drawn_ones(run):
  for (source, cell), fresh in zip(_code_cells(), run[2]):
    stored = _stored_pictures(cell)
    assert len(stored) == len(fresh), source
    for old, new in zip(stored, fresh):
      np.testing.assert_allclose(old.size, new.size, rtol=0.01)
      # At an eighth of the size, a shift by one pixel does not show, but
      # another digit does.
      size = old.width // 8, old.height // 8
      old, new = (
        np.asarray(p.convert('L').resize(size, Image.Resampling.BOX), float)
        for p in (old, new)
      )
      assert np.abs(old - new).max() < 25


def test_hand_worked_example_is_stored(run):
  namespace, texts, _ = run
  matrix = '[[ 0  0  1]\n [ 0  4  6]\n [ 4 12  9]]\n'
  assert sum(_stored_text(cell) == matrix for _, cell in _code_cells()) >= 3
  assert namespace['Y'].tolist() == [[0, 0, 1], [0, 4, 6], [4, 12, 9]]


def test_numpy_part_needs_no_jax():
  sources = [s for s, _ in _code_cells() if not s.startswith('# JAX')]
  assert not any('jnp' in s or 'layers.' in s for s in sources)
  namespace, _, _ = _execute(sources, DOCS.parent)
  assert 'jnp' not in namespace and 'C' in namespace


@pytest.mark.parametrize('k', [3, 4])
def test_padding_table_agrees_with_keras(run, k):
  keras = pytest.importorskip('keras')
  namespace = run[0]
  layer = keras.layers.Conv1DTranspose(1, k, 2, padding='same', use_bias=False)
  x = np.float32(namespace['x'])[None, :, None]
  layer.build(x.shape)
  layer.set_weights([np.float32(namespace['kernels'][k])[:, None, None]])
  y = np.asarray(layer(x))[0, :, 0]
  np.testing.assert_array_equal(y, namespace['kept']["Keras, 'same'", k])


@pytest.mark.parametrize('k, extra', [(3, 1), (4, 0)])
def test_padding_table_agrees_with_pytorch(run, k, extra):
  torch = pytest.importorskip('torch')
  namespace = run[0]
  y = torch.nn.functional.conv_transpose1d(
    torch.tensor(np.float32(namespace['x']))[None, None],
    torch.tensor(np.float32(namespace['kernels'][k]))[None, None],
    stride=2,
    padding=1,
    output_padding=extra,
  )
  kept = namespace['kept']['PyTorch, p 1', k]
  np.testing.assert_array_equal(y[0, 0].numpy(), kept)


def test_animation_is_up_to_date():
  with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(DOCS))
    import animation
  matrix = np.array([[0, 1], [2, 3]])
  frames, durations = zip(*animation.draw_frames(matrix, matrix))
  with Image.open(animation.PATH) as stored:
    assert stored.n_frames == len(frames)
    for index, (fresh, duration) in enumerate(zip(frames, durations)):
      stored.seek(index)
      assert stored.info['duration'] == duration
      difference = np.subtract(stored.convert('RGB'), fresh, dtype=float)
      assert np.abs(difference).mean() < 3
