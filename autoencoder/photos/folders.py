"""A file or a folder in, a folder out, whatever is done to the files."""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
import os
import pathlib
import sys
import tempfile
from typing import NamedTuple

import jax
import tqdm

from autoencoder import errors
from autoencoder.photos import images

Job = tuple[pathlib.Path, pathlib.Path]


class Summary(NamedTuple):
  """What became of the files.

  Attributes:
    done: written.
    skipped: left alone, because their output existed.
    failed: could not be read, computed or written.
  """

  done: int
  skipped: int
  failed: int


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

  Outputs keep the tree and the names, with another suffix; see
  `apply.apply_files` for names that collide, and for what is left alone.

  Args:
    work: `(path, *targets) -> line`: reads one, writes the others, the first
      last of all, and says so. What it raises as `ValueError` names the file.
    input_path: a file, or a folder.
    output_folder: made if needed; not the input folder itself.
    suffix: of the outputs, with its dot.
    kind: what the inputs are called, such as 'images'.
    suffixes: which files of a folder are inputs, in small letters.
    trees: subfolders of the output, one for each file that `work` writes of an
      input; '' is the folder itself.
    excluded: files that are no inputs, resolved.
    overwrite: whether to replace outputs that exist; else they are skipped.

  Returns:
    How many files were done, skipped and failed.

  Raises:
    ValueError: nothing to do there, or nowhere to write.
  """
  source = pathlib.Path(input_path).expanduser()
  folder = pathlib.Path(output_folder).expanduser()
  if not source.exists():
    raise errors.UserError(
      f'The input {source} does not exist{images.nearest_names(source)}.'
    )
  failures: list[OSError] = []
  if source.is_dir():
    root = source
    paths = _find(source, folder, kind, suffixes, excluded, failures)
  else:
    root, paths = source.parent, [source]
  make_writable(folder)
  first = folder / trees[0]
  jobs = _name_outputs(paths, root, first, suffix)
  protected = {_identity(path) for path in [*paths, *excluded] if path.exists()}

  for error in failures:
    _report_failure(f'{error.filename}: cannot be read: {error.strerror}.')
  done, skipped, failed = 0, 0, len(failures)
  # Disabled by None: progress bars are for terminals, lines are for both.
  bar = tqdm.tqdm(jobs, unit='file', disable=True if len(jobs) == 1 else None)
  for path, target in bar:
    targets = [folder / tree / target.relative_to(first) for tree in trees]
    try:
      for one in targets:
        if one.exists() and _identity(one) in protected:
          raise errors.UserError(
            f'{path}: its output {one} is an input file, which is never '
            'replaced: give another output folder.'
          )
      if target.is_dir():
        raise errors.UserError(f'{target}: cannot be written: it is a folder.')
      if target.exists() and not overwrite:
        tqdm.tqdm.write(f'{path}: skipped, {target} exists')
        skipped += 1
        continue
      tqdm.tqdm.write(work(path, *targets))
      done += 1
    except ValueError as error:
      _report_failure(str(error))
      failed += 1
    except OSError as error:
      reason = error.strerror or error  # Encoders give no error number.
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
  """Returns the inputs under `source`, sorted; what is hidden is none.

  A line tells of files that are none for their names, such as photo.heic.
  """
  if source.resolve() == output.resolve():
    raise errors.UserError(
      f'The output folder {source} is the input folder: give another one, '
      f'such as {source.resolve().with_name(source.resolve().name + "-out")}.'
    )
  found, others = [], []
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
        known = name.lower().endswith(suffixes)
        (found if known else others).append(path)
  if not found and not failures:
    raise errors.UserError(
      f'The input folder {source} has no {kind} ({", ".join(suffixes)}).'
    )
  if others:
    kinds = ', '.join(sorted({path.suffix.lower() or '?' for path in others}))
    print(f'Left alone, as no {kind}: {len(others)} ({kinds}).')
  return sorted(found)


def _name_outputs(
  paths: Iterable[pathlib.Path],
  root: pathlib.Path,
  folder: pathlib.Path,
  suffix: str,
) -> list[Job]:
  """Pairs every input with an output of its own, `suffix` in place of its own.

  Names are compared without case, as some file systems do.
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
  """Makes the folder and tries to write there, before hours of work.

  Raises:
    ValueError: it cannot be made or written.
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
  """Returns what two names of one file have in common."""
  status = path.stat()
  return status.st_dev, status.st_ino


def _report_failure(line: str) -> None:
  """Writes one line to stderr, above the progress bars."""
  tqdm.tqdm.write(f'error: {line}', file=sys.stderr)
