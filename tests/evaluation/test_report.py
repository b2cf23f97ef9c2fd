"""The report: what it shows, embeds and escapes."""

import base64
import dataclasses
import html.parser
import io
import json
import re

import jax.numpy as jnp
import numpy as np
from PIL import Image

from autoencoder import evaluation
from autoencoder.evaluation import pictures

VOID = {'meta', 'img', 'input', 'link', 'br', 'hr'}


class Page(html.parser.HTMLParser):
  """Collects tags and text, and checks that every element is closed."""

  def __init__(self, path):
    super().__init__()
    self.tags, self.stack, self.text = [], [], []
    self.source = path.read_text()
    self.feed(self.source)
    self.close()
    assert not self.stack

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))
    if tag not in VOID:
      self.stack.append(tag)

  def handle_startendtag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))

  def handle_endtag(self, tag):
    assert self.stack.pop() == tag

  def handle_data(self, data):
    self.text.append(data)

  def of(self, tag):
    return [attrs for name, attrs in self.tags if name == tag]


def decode(uri):
  head, data = uri.split(',')
  assert head == 'data:image/webp;base64'
  return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def write_log(path, lines):
  path.write_text('\n'.join(map(json.dumps, lines)) + '\n')


def test_the_page_is_complete_and_loads_nothing(results, log, tmp_path):
  write_log(tmp_path / 'metrics.jsonl', log)
  path = evaluation.write_report(
    tmp_path,
    results,
    {
      'task': 'denoising',
      'command': 'python launch.py --workdir=runs/x',
      'commit': '1a2b3c4',
      'versions': {'jax': '0.10.2'},
      'parameters': 621123,
      'training_seconds': 221.4,
      'config': {'seed': 0, 'model.widths': (8, 16)},
      'defaults': {'seed': 0, 'model.widths': (32, 64)},
    },
  )
  assert path == tmp_path / 'report.html'
  page = Page(path)
  for _, attributes in page.tags:
    for name in ('src', 'href', 'srcset', 'action', 'data', 'xlink:href'):
      assert attributes.get(name, 'data:').startswith(('data:', '#'))
  assert not page.of('link') and not page.of('iframe')
  assert 'http' not in re.sub(r'base64,[\w+/=]+', '', page.source)
  assert not re.search(r'@import|url\((?!#)|fetch\(|XMLHttp', page.source)
  assert [attrs['data-title'] for attrs in page.of('img')] == 3 * [
    'input', 'blur', 'half', 'output', 'target',
  ]  # fmt: skip
  text = ' '.join(''.join(page.text).split())
  for expected in (
    results.summary(),
    f'{results.images[1]["blur"]["psnr"]:.2f}',
    f'{results.mean["model"]["closeness"]:.4f}',
    '20 × 16 pixels',
    'python launch.py --workdir=runs/x',
    '621,123',
    '3 min 41 s',
    'jax 0.10.2',
    'loss (log scale)',
    'psnr (dB)',
    '8,16 default 32,64',
  ):
    assert expected in text
  assert len(page.of('polyline')) == 3
  groups = [a['name'] for a in page.of('input') if a['type'] == 'radio']
  assert len(set(groups)) == 3 * 4  # Left, right, error and zoom, each image.
  assert sum('checked' in a for a in page.of('input')) == 3 * 4
  changed = [a for a in page.of('li') if a.get('class') == 'changed']
  assert len(changed) == 1


def test_embedded_pictures_are_lossless(results, tmp_path):
  page = Page(evaluation.write_report(tmp_path, results))
  panels = [p for pic in results.pictures for p in pic.panels.values()]
  for attributes, panel in zip(page.of('img'), panels, strict=True):
    np.testing.assert_array_equal(decode(attributes['src']), panel)


def test_text_is_escaped(
  task, config, predict, make_source, make_image, tmp_path
):
  evil = '<script>alert(1)</script>"\'&'
  task = dataclasses.replace(task, baselines={evil: task.baselines['blur']})
  results = evaluation.evaluate(
    predict, task, config, make_source({evil: make_image(12, 12)}),
    progress=False,
  )  # fmt: skip
  info = {'task': evil, 'command': evil, evil: evil, 'config': {evil: evil}}
  page = Page(evaluation.write_report(tmp_path, results, info))
  assert 'alert(1)</script>' not in page.source
  assert page.of('img')[1]['data-title'] == evil
  assert len(page.of('script')) == 1


def test_folders_get_numbered_grids_and_an_overview(results, tmp_path):
  evaluation.write_report(tmp_path, results)
  assert sorted(file.name for file in tmp_path.iterdir()) == [
    'pictures', 'report.html',
  ]  # fmt: skip
  assert sorted(file.name for file in (tmp_path / 'pictures').iterdir()) == [
    '01_a.png', '02_b.png', '03_c.png', 'overview.png',
  ]  # fmt: skip


def test_names_that_are_paths_stay_inside_the_folder(
  task, config, predict, make_source, make_image, tmp_path
):
  image = make_image(12, 12)
  source = make_source({'../../up.jpg': image, 'x/y z.png': image})
  results = evaluation.evaluate(predict, task, config, source, progress=False)
  evaluation.write_report(tmp_path / 'run', results)
  assert [file.name for file in tmp_path.iterdir()] == ['run']
  names = sorted(file.name for file in (tmp_path / 'run/pictures').iterdir())
  assert names == ['01_up.png', '02_y_z.png', 'overview.png']


def test_a_grey_task_without_baselines_or_curves(
  task, config, make_source, make_image, tmp_path
):
  task = dataclasses.replace(task, baselines={}, unprocessed=None)
  source = make_source({'grey': make_image(20, 14, channels=1)})
  results = evaluation.evaluate(
    lambda x: jnp.asarray(x), task, config, source, progress=False
  )
  page = Page(evaluation.write_report(tmp_path, results))
  assert [a['data-title'] for a in page.of('img')] == [
    'input', 'output', 'target',
  ]  # fmt: skip
  assert not page.of('svg')
  assert not page.of('pre')
  target = decode(page.of('img')[2]['src'])
  np.testing.assert_array_equal(target, source.images['grey'].repeat(3, -1))


def test_a_report_without_pictures(task, config, predict, source, tmp_path):
  config.evaluation.report_images = 0
  results = evaluation.evaluate(predict, task, config, source, progress=False)
  page = Page(evaluation.write_report(tmp_path, results))
  assert not page.of('img')
  assert not (tmp_path / 'pictures').exists()
  assert f'{results.mean["model"]["psnr"]:.2f}' in ''.join(page.text)


def test_the_page_says_that_a_picture_is_cut(
  task, config, predict, make_source, make_image, tmp_path
):
  results = evaluation.evaluate(
    predict, task, config, make_source({'wide': make_image(12, 1100)}),
    progress=False,
  )  # fmt: skip
  page = Page(evaluation.write_report(tmp_path, results))
  assert 'the middle 1024 × 12 is shown' in ''.join(page.text)


def test_classes_have_a_legend_bars_a_matrix_and_their_own_errors(
  results, tmp_path
):
  results.legend['road'] = (128, 64, 129)
  results = dataclasses.replace(results, titles={'per_class': 'Each class'})
  results.details['model'] = {
    'per_class': {'road': 0.25, 'car <2>': None},
    'confusion': {
      'road': {'road': 0.9, 'car <2>': 0.1},
      'car <2>': {'road': 0.0, 'car <2>': 1.0},
    },
  }
  own = np.full((24, 32, 3), (1, 250, 2), np.uint8)
  results.pictures[0].panels['error'] = own
  sheet = pictures.grid(
    results.pictures[0], results.images[0], 8, results.legend
  )
  assert np.sum((sheet == own[0, 0]).all(-1)) == 24 * 32 * 8**2
  assert np.sum((sheet == results.legend['road']).all(-1)) > 100
  del results.pictures[1:]
  page = Page(evaluation.write_report(tmp_path, results))
  text = ' '.join(''.join(page.text).split())
  assert 'Each class' in text and 'confusion' in text
  assert 'road 0.250' in text and 'car <2> –' in text
  assert '90 10' in text and 'rgb(128, 64, 129)' in page.source
  assert 'width: 25.0%' in page.source and 'amplified' not in text
  titles = [img['data-title'] for img in page.of('img')]
  assert titles == ['input', 'blur', 'half', 'output', 'target', 'error']
