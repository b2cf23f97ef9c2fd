"""The examples in docstrings give the results that they show."""

import doctest
import importlib
import pathlib

import pytest

import autoencoder

ROOT = pathlib.Path(autoencoder.__file__).parent
MODULES = sorted(
  '.'.join(path.relative_to(ROOT.parent).with_suffix('').parts)
  for path in ROOT.rglob('*.py')
  if '>>> ' in path.read_text()
  # Their examples show digits that depend on the processor, or need a model.
  and path.parent.name not in ('sparse', 'inspection')
)


@pytest.mark.parametrize('name', MODULES)
def test_examples_give_what_they_show(name, capsys):
  found = doctest.testmod(importlib.import_module(name))
  assert found.attempted
  assert not found.failed, capsys.readouterr().out
