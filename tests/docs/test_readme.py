"""README and docs say what the results say."""

import importlib.util
import pathlib

ROOT = pathlib.Path(__file__).parents[2]


def test_the_tables_are_those_of_the_results():
  path = ROOT / 'benchmarks' / 'readme_tables.py'
  spec = importlib.util.spec_from_file_location('readme_tables', path)
  script = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(script)
  for page, tables in script.pages().items():
    text = (ROOT / page).read_text()
    for name, table in tables.items():
      assert table.count('\n') > 2, name
      assert table in text, f'{name}: run python benchmarks/readme_tables.py'
