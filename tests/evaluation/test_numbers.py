"""The numbers as a table, a sentence and a JSON file."""

import dataclasses
import json

import pytest

from autoencoder import evaluation


def strict_json(path):
  def refuse(constant):
    raise AssertionError(f'{constant} is not JSON')

  return json.loads(path.read_text(), parse_constant=refuse)


def test_the_table_marks_the_model_and_states_its_gain(results):
  mean = {
    'input': {'psnr': 20.0, 'closeness': 0.25},
    'blur': {'psnr': 28.104, 'closeness': 0.5},
    'half': {'psnr': 9.0, 'closeness': 0.125},
    'model': {'psnr': 29.604, 'closeness': 0.75},
  }
  lines = evaluation.table(dataclasses.replace(results, mean=mean)).splitlines()
  assert lines[0] == 'listed: mean of 3 images'
  assert lines[1].split() == ['psnr,', 'dB', 'closeness']
  assert [line.split() for line in lines[2:6]] == [
    ['input', '20.00', '0.2500'],
    ['blur', '28.10', '0.5000'],
    ['half', '9.00', '0.1250'],
    ['>', 'model', '29.60', '0.7500'],
  ]
  assert lines[6] == (
    'The model is 1.50 dB above the best baseline, blur, in mean psnr.'
  )
  mean['model']['psnr'] = 28.0
  assert '0.10 dB below the best baseline, blur' in evaluation.table(
    dataclasses.replace(results, mean=mean)
  )


def test_without_baselines_the_model_is_compared_with_the_input(results):
  mean = {'input': {'iou': 0.25}, 'model': {'iou': 0.5}}
  assert dataclasses.replace(results, mean=mean).summary() == (
    'The model is 0.2500 above the input, in mean iou.'
  )


def test_json_holds_the_numbers_in_order(results, tmp_path):
  path = tmp_path / 'evaluation' / 'listed.json'
  info = {'task': 'denoising', 'config': {'model.widths': (8, 16)}}
  assert evaluation.write_json(results, path, info) == path
  content = strict_json(path)
  assert list(content) == ['mean', 'images', 'data', 'task', 'config']
  assert content['mean'] == results.mean
  assert content['images'] == results.images
  assert content['data'] == 'listed'
  assert content['config'] == {'model.widths': [8, 16]}
  assert [file.name for file in path.parent.iterdir()] == ['listed.json']


def test_info_cannot_replace_results(results, tmp_path):
  with pytest.raises(ValueError, match=r"info cannot hold \['mean'\]"):
    evaluation.write_json(results, tmp_path / 'x.json', {'mean': {}})


def test_options_in_words():
  options = {'sigma': 25.0, 'blind': (), 'kinds': ['a', 'b'], 'what': ''}
  assert evaluation.in_words(options) == 'sigma=25.0, kinds=a,b'


def test_a_failed_write_leaves_the_old_file(results, tmp_path, monkeypatch):
  path = tmp_path / 'x.json'
  path.write_text('old')

  def fail(source, target):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr('os.replace', fail)
  with pytest.raises(ValueError, match='cannot write .*x.json: No space left'):
    evaluation.write_json(results, path)
  assert path.read_text() == 'old'
  assert [file.name for file in tmp_path.iterdir()] == ['x.json']


def test_a_folder_that_is_a_file_is_named(results, tmp_path):
  (tmp_path / 'taken').write_text('')
  with pytest.raises(ValueError, match='cannot write .*taken'):
    evaluation.write_json(results, tmp_path / 'taken' / 'x.json')


def test_each_source_has_its_own_file(results, tmp_path):
  def write(source):
    path = evaluation.numbers_path(tmp_path, 'test', source)
    return evaluation.write_json(results, path, {'folder': source}).name

  assert write('/a/test') == write('/a/test') == 'test.json'
  assert write('/b/test') == 'test-2.json'
  assert write(None) == 'test-3.json'  # A catalogue data set of that name.
  assert [write(f'/{name}/test') for name in 'abc'] == [
    'test.json', 'test-2.json', 'test-4.json',
  ]  # fmt: skip
  (tmp_path / 'test-2.json').write_text('{"mean": ')
  assert write('/b/test') == 'test-2.json'
