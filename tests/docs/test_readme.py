"""README and docs say what the results say."""

import importlib.util
import json
import pathlib

ROOT = pathlib.Path(__file__).parents[2]


def load(name):
  path = ROOT / 'benchmarks' / f'{name}.py'
  spec = importlib.util.spec_from_file_location(name, path)
  script = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(script)
  return script


def test_the_tables_are_those_of_the_results():
  for page, tables in load('readme_tables').pages().items():
    text = (ROOT / page).read_text()
    for name, table in tables.items():
      assert table.count('\n') > 2, name
      assert table in text, f'{name}: run python benchmarks/readme_tables.py'


def test_results_have_the_rows_that_their_scripts_make():
  def rows(name):
    path = ROOT / 'benchmarks' / 'results' / f'{name}.json'
    result = json.loads(path.read_text())
    return set(result.get('rows', result))

  assert rows('restoration') == set(load('restoration').RUNS)
  ablations = set(load('denoising_ablations').VARIANTS) | {'self-ensemble'}
  assert rows('denoising_ablations') == ablations
  decoders = set(load('segmentation_decoders').VARIANTS)
  assert rows('segmentation_decoders') == decoders
