"""Metrics computed from counts that are summed over a data set."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import config as configs
from autoencoder import evaluation
from autoencoder.evaluation import formats


def count(outputs, example, config):
  """Returns numbers of pixels that are bright in target and output."""
  del config
  bright = example.target > 0.5
  hits = bright & (outputs > 0.5)
  axes = (1, 2, 3)
  return {
    'bright': bright.sum(axis=axes),
    'hits': hits.sum(axis=axes),
    'light': outputs.sum(axis=axes),
  }


def summarise(counts, config):
  del config
  hits, bright = int(counts['hits']), int(counts['bright'])
  return {
    'recall': hits / bright if bright else float('nan'),
    'light': counts['light'],
    'parts': {'hits': hits, 'bright': bright},
  }


@pytest.fixture(scope='module')
def counted(task, predict, source):
  task = dataclasses.replace(task, counts=count, summarise=summarise)
  return evaluation.evaluate(
    predict, task, configs.Config(), source, progress=False
  )


def test_metrics_come_from_the_summed_counts(counted, results):
  assert list(counted.mean) == list(results.mean)
  for row in counted.mean:
    assert list(counted.mean[row]) == ['recall', 'light']
    parts = counted.details[row]['parts']
    own = [entry[row] for entry in counted.images]
    assert [list(values) for values in own] == [['recall', 'light']] * 3
    recall = parts['hits'] / parts['bright']
    assert counted.mean[row]['recall'] == pytest.approx(recall)
    light = sum(values['light'] for values in own)
    assert counted.mean[row]['light'] == pytest.approx(light)
    assert counted.counts[row]['hits'] == parts['hits']
    assert counted.counts[row]['hits'].dtype == np.int64
  assert counted.headline() == 'recall'
  # Images differ in size, so the mean of their recalls is another number.
  assert counted.mean['model']['recall'] != pytest.approx(
    np.mean([entry['model']['recall'] for entry in counted.images]), abs=1e-6
  )


def test_json_has_the_details_with_the_means(counted, tmp_path):
  path = evaluation.write_json(counted, tmp_path / 'numbers.json')
  mean = json.loads(path.read_text())['mean']['model']
  assert list(mean) == ['recall', 'light', 'parts']
  assert mean['parts'] == counted.details['model']['parts']
  assert counted.mean['model'].keys() == {'recall', 'light'}


def test_an_image_where_no_pixel_counts_has_no_number(
  task, config, predict, make_source, make_image, tmp_path
):
  source = make_source({
    'dark.png': np.zeros((8, 8, 3), np.uint8), 'a.png': make_image(16, 16),
  })  # fmt: skip
  task = dataclasses.replace(task, counts=count, summarise=summarise)
  results = evaluation.evaluate(predict, task, config, source, progress=False)
  recall = results.mean['model']['recall']
  assert recall == results.images[1]['model']['recall']
  path = evaluation.write_json(results, tmp_path / 'numbers.json')
  images = json.loads(path.read_text())['images']
  assert images[0]['model']['recall'] is None
  assert images[1]['model']['recall'] == recall
  assert formats.format_value('recall', float('nan')) == '–'
  evaluation.write_report(tmp_path, results)
  assert evaluation.table(results)


def test_a_set_where_no_pixel_counts_is_an_error(
  task, config, predict, make_source
):
  dark = make_source({'dark.png': np.zeros((8, 8, 3), np.uint8)})
  task = dataclasses.replace(task, counts=count, summarise=summarise)
  with pytest.raises(ValueError, match='No pixel of listed counts'):
    evaluation.evaluate(predict, task, config, dark, progress=False)


def test_training_measures_by_the_summed_counts(
  task, config, tmp_path, make_image
):
  from PIL import Image

  from autoencoder.training import setup

  for name in ('train', 'test'):
    (tmp_path / name).mkdir()
    for i, side in enumerate((40, 20)):
      image = Image.fromarray(make_image(side, 40))
      image.save(tmp_path / name / f'{i}.png')
  config.data.source = f'folder:{tmp_path}'
  config.data.crop = 8
  config.model = dataclasses.replace(
    config.model, widths=(4, 4), latent_channels=4
  )
  seen = []

  def spy(counts, config):
    seen.append(counts)
    return summarise(counts, config)

  task = dataclasses.replace(task, counts=count, summarise=spy,
    loss=lambda outputs, example, config: jnp.abs(
      outputs - example.target).mean(axis=(1, 2, 3)),
  )  # fmt: skip
  training = setup.set_up(config, task)
  values = training.measure(training.state)
  assert list(values) == ['test_recall', 'test_light']
  (counts,) = seen
  assert all(np.shape(x) == () for x in counts.values())
  # An untrained residual model returns its input: 8 crops of 16 x 16.
  assert values['test_recall'] == counts['hits'] / counts['bright']
  assert 0 < counts['hits'] <= counts['bright'] < 8 * 16 * 16 * 3
