"""Imports run one way: from a higher room to a lower one, never in a circle."""

import ast
import graphlib
import pathlib

import pytest

import autoencoder

PACKAGE = pathlib.Path(autoencoder.__file__).parent

# Rooms from the lowest to the highest. A module imports from its own room, or
# from rooms further up in this list, or `errors`. The facade may import from
# all of them.
ROOMS = (
  'image',
  'layers',
  'config',
  'models',
  'tasks',
  'runtime',
  'runs',
  'photos',
  'data',
  'inference',
  'sparse',
  'codec',
  'evaluation',
  'inspection',
  'training',
  'pretrained',
  'cli',
)


def _name(path: pathlib.Path) -> str:
  parts = path.relative_to(PACKAGE.parent).with_suffix('').parts
  return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {
  _name(path): path
  for path in PACKAGE.rglob('*.py')
  # Copies of experiments, which stand above all rooms.
  if not (
    path.name == 'experiment.py' and path.parent.parent.name == 'pretrained'
  )
}


def _imports(name: str) -> set[str]:
  """Returns the modules of ours that a module imports, wherever it does."""
  found = set()
  for node in ast.walk(ast.parse(MODULES[name].read_text())):
    if isinstance(node, ast.ImportFrom) and node.module:
      for alias in node.names:
        full = f'{node.module}.{alias.name}'
        found.add(full if full in MODULES else node.module)
    elif isinstance(node, ast.Import):
      found |= {alias.name for alias in node.names}
  return {module for module in found if module in MODULES}


IMPORTS = {name: _imports(name) for name in MODULES}


def _room(name: str) -> str | None:
  parts = name.split('.')
  return parts[1] if len(parts) > 1 else None


def test_every_module_is_in_a_room():
  loose = {path.name for path in PACKAGE.glob('*.py')}
  assert loose == {'__init__.py', '__main__.py', 'errors.py'}
  assert {path.parent.name for path in PACKAGE.glob('*/__init__.py')} == set(
    ROOMS
  )


@pytest.mark.parametrize('room', ROOMS)
def test_no_import_from_a_lower_room_to_a_higher_one(room):
  wrong = [
    f'{name} imports {imported}'
    for name, imports in IMPORTS.items()
    if _room(name) == room
    for imported in sorted(imports)
    if imported != 'autoencoder.errors'
    and (
      _room(imported) is None
      or ROOMS.index(_room(imported)) > ROOMS.index(room)
    )
  ]
  assert not wrong


def test_no_circle():
  # A room's __init__ imports its modules; these import each other directly.
  graph = {
    name: imports
    for name, imports in IMPORTS.items()
    if MODULES[name].name != '__init__.py'
  }
  graphlib.TopologicalSorter(graph).prepare()
