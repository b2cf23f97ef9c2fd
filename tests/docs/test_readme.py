"""The README says what the results say."""

import importlib.util
import json
import pathlib

ROOT = pathlib.Path(__file__).parents[2]
BENCHMARKS = ROOT / 'benchmarks'


def test_the_restoration_table_is_that_of_the_results():
  path = BENCHMARKS / 'restoration_table.py'
  spec = importlib.util.spec_from_file_location('restoration_table', path)
  table = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(table)
  results, published = (
    json.loads((BENCHMARKS / name).read_text())
    for name in ('results/restoration.json', 'published.json')
  )
  rows = table.lines(results, published)
  assert len(rows) > 2 + len(results)
  assert '\n'.join(rows) in (ROOT / 'README.md').read_text()
