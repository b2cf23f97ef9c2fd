"""Applies a function to a file or to all files of a folder."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
import contextlib
import os
import pathlib
import sys
import tempfile
from typing import NamedTuple
from typing import TextIO

import jax
import tqdm

from autoencoder import errors
from autoencoder.photos import images
from autoencoder.photos import regular
from autoencoder.runtime import paths as paths_lib

Job = tuple[pathlib.Path, pathlib.Path]  # Input and output.


class Summary(NamedTuple):
  """Numbers of input files by their outcome.

  Attributes:
    done: the output was written.
    skipped: the output existed already.
    failed: the input could not be read, or the output not computed or written.
  """

  done: int
  skipped: int
  failed: int


class NoteOnce:
  """A line that is printed at most once, however many files need it."""

  def __init__(self, line: str):
    self._line = line

  def write(self) -> None:
    """Prints the line at the first call."""
    if self._line:
      tqdm.tqdm.write(self._line)
    self._line = ''


def convert_files(
  work: Callable[..., str],
  input_path: str | os.PathLike,
  output_folder: str | os.PathLike,
  *,
  suffix: str,
  kind: str,
  suffixes: tuple[str, ...],
  trees: tuple[str, ...] = ('',),
  excluded: Collection[pathlib.Path] = (),
  overwrite: bool = False,
) -> Summary:
  """Converts one file, or every file of a folder and its subfolders.

  Outputs have the relative path of their input with another suffix. If two
  inputs would get the same output, the full input name is kept:
  `photo.png.tif`. Prints one line per file. A failure of one file does not stop
  the others.

  Args:
    work: `(path, *targets) -> line`: reads `path`, writes `targets`, the first
      one last, and returns the line to print. Its `ValueError` must name the
      file.
    input_path: a file or a folder. Hidden files and folders are ignored.
    output_folder: created if missing; must not be the input folder.
    suffix: suffix of the outputs, with the dot.
    kind: what messages call the inputs, such as 'images'.
    suffixes: lower-case suffixes of the files of a folder that are inputs.
    trees: subfolders of the output folder, one for each file that `work`
      writes per input; '' is the output folder itself.
    excluded: resolved paths of files that are not inputs.
    overwrite: whether to replace existing outputs; otherwise skip them.

  Returns:
    The numbers of files done, skipped and failed.

  Raises:
    UserError: the input does not exist or has no such files, or the output
      folder cannot be written.
  """
  source = paths_lib.expand(input_path)
  folder = paths_lib.expand(output_folder)
  if not source.exists():
    raise errors.UserError(
      f'The input {source} does not exist{images.nearest_names(source)}.'
    )
  failures: list[OSError] = []
  if source.is_dir():
    root = source
    paths = _find(source, folder, kind, suffixes, excluded, failures)
  else:
    if regular.is_special(source):
      raise errors.UserError(
        f'The input {source} is a pipe, a socket or a device; give a file or '
        'a folder.'
      )
    root, paths = source.parent, [source]
  make_writable(folder)
  first = folder / trees[0]
  jobs = _name_outputs(paths, root, first, suffix)
  protected = {_identity(path) for path in [*paths, *excluded] if path.exists()}

  for error in failures:
    _report_failure(f'{error.filename}: cannot be read: {error.strerror}.')
  done, skipped, failed = 0, 0, len(failures)
  # `disable=None` shows a progress bar on terminals only.
  bar = tqdm.tqdm(jobs, unit='file', disable=True if len(jobs) == 1 else None)
  for path, target in bar:
    targets = [folder / tree / target.relative_to(first) for tree in trees]
    try:
      for one in targets:
        if one.exists() and _identity(one) in protected:
          raise errors.UserError(
            f'{path}: its output {one} is an input file, which is never '
            'replaced. Give another output folder.'
          )
      if target.is_dir():
        raise errors.UserError(f'{target}: cannot be written: it is a folder.')
      if target.exists() and not overwrite:
        _print(f'{path}: skipped, {target} exists')
        skipped += 1
        continue
      line = work(path, *targets)
      done += 1
      _print(line)
    except ValueError as error:
      _report_failure(str(error))
      failed += 1
    except OSError as error:
      reason = error.strerror or error  # Errors of encoders have only a text.
      _report_failure(f'{target}: cannot be written: {reason}.')
      failed += 1
    except (MemoryError, jax.errors.JaxRuntimeError) as error:
      reason = (str(error).splitlines() or ['out of memory'])[0]
      _report_failure(f'{path}: cannot be computed: {reason}')
      failed += 1
  return Summary(done, skipped, failed)


def _find(
  source: pathlib.Path,
  output: pathlib.Path,
  kind: str,
  suffixes: tuple[str, ...],
  excluded: Collection[pathlib.Path],
  failures: list[OSError],
) -> list[pathlib.Path]:
  """Returns the inputs under `source`, sorted; hidden files are ignored.

  Prints how many files have other suffixes, such as photo.heic.

  Args:
    source: input folder.
    output: output folder; ignored where it lies in the input folder.
    kind: see `convert_files`.
    suffixes: see `convert_files`.
    excluded: see `convert_files`.
    failures: gets the errors of subfolders that cannot be read.
  """
  if source.resolve() == output.resolve():
    raise errors.UserError(
      f'The output folder {source} is the input folder: give another one, '
      f'such as {source.resolve().with_name(source.resolve().name + "-out")}.'
    )
  found: list[pathlib.Path] = []
  others: list[pathlib.Path] = []
  special: list[pathlib.Path] = []
  for folder, subfolders, names in os.walk(source, onerror=failures.append):
    here = pathlib.Path(folder)
    subfolders[:] = [
      name
      for name in subfolders
      if name[0] != '.' and (here / name).resolve() != output.resolve()
    ]
    for name in names:
      path = here / name
      if name[0] != '.' and path.resolve() not in excluded:
        if regular.is_special(path):
          special.append(path)
          continue
        known = name.lower().endswith(suffixes)
        (found if known else others).append(path)
  for path in special:
    _print(f'{path}: ignored, because it is a pipe, a socket or a device.')
  if not found and not failures:
    raise errors.UserError(
      f'The input folder {source} has no {kind} ({", ".join(suffixes)}).'
    )
  if others:
    kinds = ', '.join(sorted({path.suffix.lower() or '?' for path in others}))
    _print(f'Ignored, because not {kind}: {len(others)} ({kinds}).')
  return sorted(found)


def _name_outputs(
  paths: Iterable[pathlib.Path],
  root: pathlib.Path,
  folder: pathlib.Path,
  suffix: str,
) -> list[Job]:
  """Pairs each input with a unique output.

  Names are compared without case, because some file systems ignore it.

  Args:
    paths: the inputs.
    root: the folder that the outputs' relative paths start from.
    folder: output folder.
    suffix: suffix of the outputs.
  """

  def key(target: pathlib.Path) -> str:
    return str(target).casefold()

  wanted = [
    (path, folder / path.relative_to(root).with_suffix(suffix))
    for path in paths
  ]
  keys = [key(target) for _, target in wanted]
  taken = {name for name in keys if keys.count(name) == 1}
  jobs = []
  for (path, target), name in zip(wanted, keys):
    if name not in taken:
      number = 1
      target = target.with_name(path.name + suffix)
      while key(target) in taken:
        number += 1
        target = target.with_name(f'{path.name}-{number}{suffix}')
      taken.add(key(target))
    jobs.append((path, target))
  return jobs


def make_writable(folder: pathlib.Path) -> None:
  """Creates the folder and checks, before a long run, that it is writable.

  Raises:
    UserError: the folder cannot be created or written.
  """
  try:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
      pass
  except OSError as error:
    raise errors.UserError(
      f'The output folder {folder} cannot be written: {error.strerror}.'
    ) from error


def _identity(path: pathlib.Path) -> tuple[int, int]:
  """Returns a key that is equal for two names of one file."""
  status = path.stat()
  return status.st_dev, status.st_ino


def _report_failure(line: str) -> None:
  """Writes one line to stderr, above the progress bar."""
  _print(f'error: {line}', sys.stderr)


def _print(line: str, file: TextIO | None = None) -> None:
  """Writes one line above the progress bar.

  A line that cannot be printed fails no file: the name is escaped if it does
  not fit the encoding of the terminal, and a closed pipe is ignored.

  Args:
    line: the text.
    file: where to print; None is stdout.
  """
  file = file or sys.stdout
  encoding = getattr(file, 'encoding', None) or 'utf-8'
  line = line.encode(encoding, 'backslashreplace').decode(encoding)
  with contextlib.suppress(BrokenPipeError):
    tqdm.tqdm.write(line, file=file)
