"""The page, its curves and its pictures."""

import base64
import html.parser
import io
import json
import re

import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from autoencoder import evaluation
from autoencoder.evaluation import curves
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


@pytest.fixture
def log():
  return [
    {'step': 50, 'loss': 0.04, 'psnr': 20.0, 'learning_rate': 1e-3},
    {'step': 100, 'loss': 0.02, 'psnr': 24.0, 'odd': [1]},
    {'step': 100, 'test_psnr': 23.0},
    {'step': 150, 'loss': 0.01, 'psnr': 26.0},
    {'step': 200, 'loss': 0.005, 'psnr': 27.0, 'images_per_second': 9.0},
    {'step': 200, 'test_psnr': 25.0},
  ]


def test_the_page_is_complete_and_asks_for_nothing(results, log, tmp_path):
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
    results.gain(),
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
  task = task._replace(baselines={evil: task.baselines['blur']})
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
  task = task._replace(baselines={}, unprocessed=None)
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


def test_no_pictures_are_asked_for(task, config, predict, source, tmp_path):
  config.evaluation.report_images = 0
  results = evaluation.evaluate(predict, task, config, source, progress=False)
  page = Page(evaluation.write_report(tmp_path, results))
  assert not page.of('img')
  assert not (tmp_path / 'pictures').exists()
  assert f'{results.mean["model"]["psnr"]:.2f}' in ''.join(page.text)


def test_a_cut_picture_is_said_to_be_cut(
  task, config, predict, make_source, make_image, tmp_path
):
  results = evaluation.evaluate(
    predict, task, config, make_source({'wide': make_image(12, 1100)}),
    progress=False,
  )  # fmt: skip
  page = Page(evaluation.write_report(tmp_path, results))
  assert 'the middle 1024 × 12 is shown' in ''.join(page.text)


def test_a_log_that_broke_off_is_read_as_far_as_it_goes(log, tmp_path):
  path = tmp_path / 'metrics.jsonl'
  assert curves.read_log(path) == []
  write_log(path, log)
  with path.open('a') as file:
    file.write('7\n{"loss": 1.0}\n{"step": "x", "loss": 2}\n\n{"step": 25')
  assert curves.read_log(path) == log


def test_curves_keep_the_last_value_of_a_step_and_finite_ones(log):
  log += [
    {'step': 100, 'loss': 0.025},
    {'step': 250, 'loss': float('nan'), 'test_psnr': float('inf')},
    {'step': 250, 'loss': 'high', 'psnr': None},
  ]
  loss, psnr = curves.charts(log)
  assert [curve.label for curve in loss.curves] == ['training']
  assert loss.curves[0].values == [
    (50, 0.04), (100, 0.025), (150, 0.01), (200, 0.005),
  ]  # fmt: skip
  assert [curve.label for curve in psnr.curves] == ['training', 'held-out']
  assert psnr.curves[1].values == [(100, 23.0), (200, 25.0)]


def test_curves_have_the_right_geometry(log):
  loss, psnr = curves.charts(log)
  y = dict(zip((50, 100, 150, 200), [p[1] for p in loss.curves[0].points]))
  # On a log scale equal ratios are equal distances; up is more.
  assert y[100] - y[50] == pytest.approx(y[150] - y[100])
  assert y[100] > y[50]
  (x0, y0), (x1, y1) = psnr.curves[1].points
  assert (x1 - x0) / (psnr.right - psnr.left) == pytest.approx(0.5)
  assert x1 == psnr.right and y1 < y0
  for chart in (loss, psnr):
    assert len(chart.x_ticks) >= 3 and len(chart.y_ticks) >= 3
    for tick in chart.x_ticks:
      assert chart.left <= tick.position <= chart.right
    for tick in chart.y_ticks:
      assert chart.top <= tick.position <= chart.bottom
  ticks = {float(tick.label): tick.position for tick in psnr.y_ticks}
  assert ticks[26] == pytest.approx(psnr.curves[0].points[2][1])


def test_a_long_log_is_thinned_and_keeps_its_mean():
  rng = np.random.default_rng(0)
  log = [{'step': i, 'loss': 1 + rng.uniform()} for i in range(4000)]
  (chart,) = curves.charts(log)
  values = [value for _, value in chart.curves[0].values]
  assert len(values) == 500
  assert np.mean(values) == pytest.approx(np.mean([p['loss'] for p in log]))


@pytest.mark.parametrize('value', [0.0, 3.0, -2.0])
def test_a_flat_or_single_curve_can_be_drawn(value):
  for log in (
    [{'step': 0, 'loss': value}],
    [{'step': 10, 'test_iou': value}, {'step': 20, 'test_iou': value}],
  ):
    (chart,) = curves.charts(log)
    for x, y in chart.curves[0].points:
      assert chart.left <= x <= chart.right
      assert chart.top < y < chart.bottom


def test_error_maps_are_amplified_absolute_errors():
  target = np.full((2, 2, 3), 100, np.uint8)
  output = target.copy()
  output[0, 0] = [103, 97, 100]  # Mean 2, of 255; 8 times as much is 16.
  output[0, 1] = 255
  colors = pictures.color_scale()
  shown = pictures.error_map(output, target, 8)
  np.testing.assert_array_equal(shown[0, 0], colors[16])
  np.testing.assert_array_equal(shown[0, 1], colors[255])
  np.testing.assert_array_equal(shown[1], colors[[0, 0]])


@pytest.mark.parametrize(
  'error, amplify', [(0, 64), (3, 64), (4, 32), (20, 8), (140, 1), (255, 1)]
)
def test_the_amplification_fills_the_scale(error, amplify, results):
  target = np.zeros((10, 10, 3), np.uint8)
  picture = results.pictures[0]
  picture.panels.update(output=target + np.uint8(error), target=target)
  assert pictures.amplification([picture]) == amplify


def test_the_detail_is_where_the_edges_are():
  target = np.full((60, 80, 3), 90, np.uint8)
  target[30:40:2, 50:64] = 255
  top, left = pictures.detail(target, 20, 20)
  assert top <= 30 and top + 20 >= 39 and left <= 50 and left + 20 >= 64
  assert pictures.detail(target, 200, 300) == (0, 0)
  assert pictures.detail(target[:1, :1], 64, 64) == (0, 0)


@pytest.mark.parametrize('width', [30, 500])
def test_a_grid_holds_every_panel_pixel_for_pixel(results, width):
  picture, entry = results.pictures[0], results.images[0]
  colors = {
    title: np.array([7 * i + 1, 50 + i, 200 - i], np.uint8)
    for i, title in enumerate(picture.panels)
  }
  for title, color in colors.items():
    picture.panels[title] = np.broadcast_to(color, (20, width, 3))
  sheet = pictures.grid(picture, entry, 8)
  scale = max(1, 256 // width)  # Small images have large pixels.
  for color in colors.values():
    assert np.sum((sheet == color).all(axis=-1)) == 20 * width * scale**2


def test_classes_have_a_legend_bars_a_matrix_and_their_own_errors(
  results, tmp_path
):
  results.legend['road'] = (128, 64, 129)
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
  assert 'road 0.250' in text and 'car <2> –' in text
  assert '90 10' in text and 'rgb(128, 64, 129)' in page.source
  assert 'width: 25.0%' in page.source and 'amplified' not in text
  titles = [img['data-title'] for img in page.of('img')]
  assert titles == ['input', 'blur', 'half', 'output', 'target', 'error']


def test_the_overview_shows_the_best_baseline_in_large_pixels(
  task, config, predict, make_source, tmp_path
):
  # The input is better than both baselines here, yet is not one of them.
  image = np.full((4, 4, 3), 128, np.uint8)
  results = evaluation.evaluate(
    predict, task, config, make_source({'tiny': image}), progress=False
  )
  for i, title in enumerate(results.pictures[0].panels):
    results.pictures[0].panels[title] = np.full((4, 4, 3), 11 * i, np.uint8)
  sheet = pictures.overview(results)
  counts = [np.sum((sheet == 11 * i).all(axis=-1)) for i in range(5)]
  assert results.rival() == 'blur'
  assert counts[1] == counts[3] == 160 * 160
  assert counts[2] == 0


def test_captions_name_a_psnr_where_there_are_several():
  assert pictures.caption({'psnr': 31.2, 'ssim': 0.893}) == (
    '31.20 dB, ssim 0.8930'
  )
  assert pictures.caption({'psnr_y': 33.0, 'psnr': 31.2}) == (
    'psnr_y 33.00 dB, psnr 31.20 dB'
  )
