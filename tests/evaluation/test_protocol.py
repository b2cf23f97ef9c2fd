"""The evaluation protocol."""

import dataclasses
import re

import jax
import numpy as np
from PIL import Image
import pytest

from autoencoder import data
from autoencoder import evaluation
from autoencoder.image import metrics


def run(predict, task, config, source, **kwargs):
  return evaluation.evaluate(
    predict, task, config, source, progress=False, **kwargs
  )


def test_rows_stand_in_order_and_means_are_means_of_images(results):
  rows = ['input', 'blur', 'half', 'model']
  assert list(results.mean) == rows
  # In the task's order, not sorted: the first metric is the headline.
  assert list(results.mean['model']) == ['psnr', 'closeness']
  assert [image['name'] for image in results.images] == [
    'a.png', 'b.png', 'c.png',
  ]  # fmt: skip
  for image in results.images:
    assert list(image) == ['name', *rows, 'size', 'seconds']
    assert list(image['seconds']) == ['blur', 'half', 'model']
  assert results.images[1]['size'] == [16, 20]
  for row in rows:
    for metric in ('psnr', 'closeness'):
      values = [image[row][metric] for image in results.images]
      assert results.mean[row][metric] == pytest.approx(sum(values) / 3)
  # Noise with a standard deviation of 25/255 has 20.17 dB.
  assert results.mean['input']['psnr'] == pytest.approx(20.17, abs=0.2)


def test_numbers_and_noise_follow_the_protocol(
  task, config, predict, source, sigma
):
  seen = []

  def spy(x):
    seen.append(np.array(x))
    return predict(x)

  results = run(spy, task, config, source, seed=3)
  for index, image in enumerate(results.images):
    clean = source[index]['image'].astype(np.float32) / 255
    noise = jax.random.normal(jax.random.key(3), clean.shape)
    noisy = clean + sigma * np.asarray(noise)
    assert any(
      x.shape[1:] == noisy.shape and np.allclose(x[0], noisy, atol=1e-6)
      for x in seen
    )
    expected = metrics.psnr(predict(noisy[None]), clean[None])
    assert image['model']['psnr'] == pytest.approx(float(expected[0]), abs=1e-3)


def test_the_seed_is_the_same_for_each_image(
  task, config, predict, make_source, make_image
):
  image = make_image(12, 12)
  twins = make_source({'one': image, 'two': image.copy()})
  first, second = run(predict, task, config, twins).images
  assert first['model'] == second['model']
  assert first['input'] == second['input']
  other = run(predict, task, config, twins, seed=1).images[0]
  assert other['input'] != first['input']


def test_each_shape_is_compiled_once(task, config, predict, source):
  traced = []

  def count(name, function):
    def counted(*args):
      traced.append(name)
      return function(*args)

    return counted

  task = dataclasses.replace(
    task,
    make_example=count('example', task.make_example),
    metrics=count('metrics', task.metrics),
  )
  run(predict, task, config, source)
  # Three images of two shapes, four rows each.
  assert sorted(traced) == ['example'] * 2 + ['metrics'] * 2


def test_labels_reach_the_task(task, config, predict, make_image):
  class Labelled:
    name = 'labelled'

    def __len__(self):
      return 1

    def __getitem__(self, index):
      label = np.full((8, 9), 7, np.int32)
      return {'image': make_image(8, 9), 'name': 'x', 'label': label}

  def make_example(key, item, config):
    example = task.make_example(key, item, config)
    return example._replace(weight=item['label'][..., None])

  results = run(
    predict,
    dataclasses.replace(
      task,
      make_example=make_example,
      metrics=lambda o, e, c: {'label': e.weight.max(axis=(1, 2, 3))},
    ),
    config,
    Labelled(),
  )
  assert results.mean['model'] == {'label': 7.0}


def test_the_number_of_images_is_bounded(task, config, predict, source):
  config.evaluation.max_images = 2
  config.evaluation.report_images = 1
  results = run(predict, task, config, source)
  assert [image['name'] for image in results.images] == ['a.png', 'b.png']
  assert [picture.name for picture in results.pictures] == ['a.png']


def test_center_crop_measures_the_middle(task, config, predict, source):
  config.evaluation.center_crop = 8
  results = run(predict, task, config, source)
  for i, entry in enumerate(results.images):
    height, width = source[i]['image'].shape[:2]
    assert entry['size'] == [min(height, 8), min(width, 8)]
    top, left = max(0, height - 8) // 2, max(0, width - 8) // 2
    middle = source[i]['image'][top : top + 8, left : left + 8]
    if i < len(results.pictures):
      shown = results.pictures[i].panels['target']
      np.testing.assert_array_equal(shown, middle)


def test_panels_are_the_outputs_in_8_bits(results, predict, source, sigma):
  picture = results.pictures[1]
  assert list(picture.panels) == ['input', 'blur', 'half', 'output', 'target']
  np.testing.assert_array_equal(picture.panels['target'], source[1]['image'])
  clean = source[1]['image'].astype(np.float32) / 255
  noise = np.asarray(jax.random.normal(jax.random.key(0), clean.shape))
  shown = np.clip(predict((clean + sigma * noise)[None])[0], 0, 1) * 255
  assert np.abs(picture.panels['output'] - shown).max() < 0.51


def test_a_large_picture_is_cut_to_its_middle(
  task, config, predict, make_source, make_image
):
  image = make_image(12, 1100)
  (picture,) = run(predict, task, config, make_source({'wide': image})).pictures
  assert picture.size == (12, 1100)
  assert picture.offset == (0, 38)
  np.testing.assert_array_equal(picture.panels['target'], image[:, 38:1062])


def test_a_task_without_an_unprocessed_answer_has_no_input_row(
  task, config, predict, source
):
  task = dataclasses.replace(task, unprocessed=None, baselines={})
  results = run(predict, task, config, source)
  assert list(results.mean) == ['model']
  assert results.best_baseline() is None
  assert 'above' not in evaluation.table(results)


@pytest.mark.parametrize('colors', [True, False])
def test_grey_images_do_not_count_for_a_task_that_makes_colours(
  task, config, predict, make_source, make_image, colors
):
  grey = make_image(12, 12, 1).repeat(3, -1)
  task = dataclasses.replace(task, keeps_colors=not colors)
  results = run(predict, task, config, make_source({'a': grey, 'b': grey}))
  told = results.summary().startswith('NOTE: all of these images are grey')
  assert told == colors
  one = make_source({'a': grey, 'b': make_image(12, 12)})
  results = run(predict, task, config, one)
  assert 'grey' not in results.summary()
  # A task that makes colours leaves the grey image out.
  names = [image['name'] for image in results.images]
  assert names == [picture.name for picture in results.pictures]
  assert names == (['b'] if colors else ['a', 'b'])
  assert (results.facts.get('note') == 'left out, as grey: a.') == colors


@pytest.mark.parametrize(
  'channels, mode, words',
  [
    (1, 'RGB', 'works on grey images: 1 colour images were converted'),
    (3, 'RGB', ''),
    (1, 'L', ''),
    (3, 'L', 'works on RGB: 1 grey images were converted'),
  ],
)
def test_converted_images_are_noted(
  task, config, predict, make_image, tmp_path, capsys, channels, mode, words
):
  image = Image.fromarray(make_image(12, 12)).convert(mode)
  image.save(tmp_path / 'a.png')
  config.data.channels = channels
  source = data.open_source(f'folder:{tmp_path}', 'test', channels=channels)
  results = evaluation.evaluate(predict, task, config, source)
  assert re.search(words, results.facts.get('note', ''))
  assert bool(words) == ('NOTE: ' in capsys.readouterr().out)
  assert bool(words) == ('note' in results.facts)


def test_an_empty_source_is_an_error(task, config, predict, make_source):
  with pytest.raises(ValueError, match='listed has no images'):
    run(predict, task, config, make_source({}))


def test_an_answer_that_is_not_finite_names_the_image(
  task, config, source, capsys
):
  def broken(x):
    x = np.array(x)
    if x.shape[1] == 16:
      x[0, 3, 4, 1] = np.nan
    return x

  results = run(broken, task, config, source)
  assert "for image 'b.png' has 1 values" in capsys.readouterr().err
  assert 'b.png' not in [image['name'] for image in results.images]
  with pytest.raises(ValueError, match="measured: .* 'a.png' has 2,304"):
    run(lambda x: np.full_like(x, np.inf), task, config, source)


def test_a_metric_that_is_not_finite_names_the_image(
  task, config, predict, source
):
  def undefined(outputs, example, config):
    values = task.metrics(outputs, example, config)
    return values | {'iou': values['psnr'] * np.nan}

  with pytest.raises(ValueError, match="iou of input on image 'a.png' is nan"):
    run(predict, dataclasses.replace(task, metrics=undefined), config, source)


@pytest.mark.parametrize('panels', [('input', 'output'), ('target',)])
def test_a_picture_without_the_named_panels_is_an_error(
  task, config, predict, source, panels
):
  def partial(outputs, example, config):
    shown = task.picture(outputs, example, config)
    return {title: shown[title] for title in panels}

  with pytest.raises(ValueError, match="panels 'output' and 'target'; got"):
    run(predict, dataclasses.replace(task, picture=partial), config, source)


def test_a_panel_of_another_size_is_an_error(task, config, predict, source):
  def uneven(outputs, example, config):
    shown = task.picture(outputs, example, config)
    return shown | {'input': shown['input'][:, ::2, ::2]}

  with pytest.raises(ValueError, match="panel 'input' is .12, 16, 3., but"):
    run(predict, dataclasses.replace(task, picture=uneven), config, source)
