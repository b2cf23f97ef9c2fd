"""Shared by the benchmark scripts: flags, runs of `launch.py`, result files.

A script is started as `python benchmarks/NAME.py`, which does not put the
repository on Python's search path. It therefore inserts the repository's root
into `sys.path` before it imports this module.
"""

import argparse
from collections.abc import Iterable
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from autoencoder.runs import files

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / 'benchmarks' / 'results'
# Every run is trained in a folder here, and is continued from it.
RUNS = ROOT / 'runs' / 'benchmarks'

# Entries that a results file copies from the numbers of an evaluated run.
RUN_FACTS = (
  'step',
  'parameters',
  'training_seconds',
  'training_commit',
  'training_machine',
  'commit',
  'machine',
)


def make_parser(
  doc: str, results: str | None = None
) -> argparse.ArgumentParser:
  """Returns an argument parser with the flag `--output`.

  Args:
    doc: docstring of the script; its first line describes the command.
    results: name of the file in `benchmarks/results` that `--output` replaces.
      Without a name, only a given `--output` is written.
  """
  parser = argparse.ArgumentParser(description=doc.splitlines()[0])
  default = f'benchmarks/results/{results}.json' if results else 'none'
  parser.add_argument(
    '--output',
    type=output_file,
    default=RESULTS / f'{results}.json' if results else None,
    metavar='FILE.json',
    help=f'JSON file to write, in a folder that exists. Default: {default}',
  )
  return parser


def add_data(parser: argparse.ArgumentParser, folders: str) -> None:
  """Adds the flag `--data`; `folders` says which folders DATA holds."""
  parser.add_argument(
    '--data',
    type=lambda value: pathlib.Path(value).resolve(),
    required=True,
    metavar='DATA',
    help=f'folder that holds {folders}',
  )


def add_steps(parser: argparse.ArgumentParser) -> None:
  """Adds the flag `--steps`, which overrides the experiment's steps."""
  parser.add_argument(
    '--steps',
    type=int,
    help="training steps. Default: the experiment's own number",
  )


def output_file(value: str) -> pathlib.Path:
  """Returns a path that can be written once the measurement has ended.

  Raises:
    argparse.ArgumentTypeError: it cannot; argparse reports this at the start.
  """
  path = pathlib.Path(value)
  if not path.parent.is_dir():
    raise argparse.ArgumentTypeError(
      f'{value}: the folder {path.parent} does not exist; create it first.'
    )
  if path.is_dir() or not os.access(path.parent, os.W_OK):
    raise argparse.ArgumentTypeError(
      f'{value} cannot be written; give the name of a JSON file in a folder '
      'with write permission.'
    )
  return path


def require_folders(
  parser: argparse.ArgumentParser, data: pathlib.Path, names: Iterable[str]
) -> None:
  """Ends the script with a message if `data` lacks one of the folders."""
  names = sorted(set(names))
  missing = [name for name in names if not (data / name).is_dir()]
  if missing:
    parser.error(
      f'{data} has no folder {", ".join(missing)}; it must hold '
      f'{", ".join(names)}.'
    )


def launch(*arguments: str, quiet: bool = False) -> None:
  """Runs `launch.py` in a new process.

  Args:
    *arguments: its flags.
    quiet: whether to drop its output.

  Raises:
    subprocess.CalledProcessError: it failed.
  """
  subprocess.run(
    [sys.executable, 'launch.py', *arguments],
    check=True,
    cwd=ROOT,
    stdout=subprocess.DEVNULL if quiet else None,
  )


def evaluate(
  workdir: pathlib.Path, source: str, *options: str
) -> dict[str, Any]:
  """Returns the numbers that `--mode=evaluate` writes.

  Args:
    workdir: directory of the trained run.
    source: value of `--data`, such as 'folder:PATH'.
    *options: further flags.
  """
  with tempfile.TemporaryDirectory() as output:
    launch(
      '--mode=evaluate',
      f'--workdir={workdir}',
      f'--data={source}',
      f'--output={output}',
      *options,
    )
    # The file has the name of the data, behind links, and of the options.
    (path,) = pathlib.Path(output).glob('*.json')
    return json.loads(path.read_text())


def read_json(path: str | os.PathLike) -> dict[str, Any]:
  """Returns a JSON file, given by its path or its path in this folder."""
  return json.loads((ROOT / 'benchmarks' / path).read_text())


def write_json(path: pathlib.Path, result: dict[str, Any]) -> None:
  """Writes a results file, whole or not at all."""
  files.write_bytes(path, (json.dumps(result, indent=2) + '\n').encode())


def fill(page: pathlib.Path, sections: dict[str, str]) -> None:
  """Replaces the Markdown between `<!-- NAME -->` and `<!-- /NAME -->`.

  Args:
    page: Markdown file.
    sections: Markdown by the name of its markers.

  Raises:
    ValueError: the page does not have each marker once.
  """
  text = page.read_text()
  for name, content in sections.items():
    start, end = f'<!-- {name} -->', f'<!-- /{name} -->'
    if text.count(start) != 1 or text.count(end) != 1:
      raise ValueError(f'{page} must hold {start} and {end} once each.')
    before, rest = text.split(start)
    after = rest.split(end)[1]
    text = f'{before}{start}\n\n{content}\n\n{end}{after}'
  page.write_text(text)
