"""A person's own pictures: a file or a folder in, a folder out."""

from collections.abc import Callable
from collections.abc import Iterable
import os
import pathlib
import sys
import tempfile
import time
from typing import NamedTuple

import jax
import numpy as np
import tqdm

from autoencoder import palettes
from autoencoder.inference import class_maps
from autoencoder.inference import encoding
from autoencoder.inference import holes
from autoencoder.inference import images

Job = tuple[pathlib.Path, pathlib.Path]


class Summary(NamedTuple):
  """What became of the pictures.

  Attributes:
    done: written.
    skipped: left alone, because their output existed.
    failed: could not be read, computed or written.
  """

  done: int
  skipped: int
  failed: int


def apply_files(
  predict_photo: Callable[..., np.ndarray],
  input_path: str | os.PathLike,
  output_folder: str | os.PathLike,
  *,
  uses_mask: bool = False,
  mask_path: str | os.PathLike | None = None,
  overwrite: bool = False,
  suffix: str = '.png',
  palette: palettes.Palette | None = None,
) -> Summary:
  """Restores one picture, or every picture of a folder and its subfolders.

  Outputs keep the tree, the names, the bit depth, transparency and colour
  profile: `in/a/photo.jpg` becomes `out/a/photo.png`. Inputs that would share
  an output keep their suffix in its name (`photo.jpg.png`, `photo.tif.png`).
  Hidden files, masks and what is in the output folder are not inputs.

  Where the answer is a class per pixel, a picture gets two files, of the same
  name in `labels/` and in `overlays/` of the output folder: see `class_maps`.

  A file that fails is reported on stderr in one line, and the others are still
  done. An input file is never replaced, whatever `overwrite` says.

  Args:
    predict_photo: `(pixels, on_tile) -> pixels`, see `make_photo_restorer`.
    input_path: an image file, or a folder.
    output_folder: made if needed; not the input folder itself.
    uses_mask: whether `predict_photo` takes a mask as the last channel.
    mask_path: for such, a picture that is white in the holes, or a folder of
      pictures named like the inputs; None takes what is transparent.
    overwrite: whether to replace outputs that exist; else they are skipped.
    suffix: format of the outputs, see `images.write_image`.
    palette: the classes, where `predict_photo` answers with labels.

  Returns:
    How many pictures were done, skipped and failed.

  Raises:
    ValueError: nothing to do there, or nowhere to write.

  Example:

    summary = apply_files(restore, 'holiday', 'holiday-restored')
    sys.exit(1 if summary.failed else 0)
  """
  encoding.check_suffix(suffix)
  source = pathlib.Path(input_path).expanduser()
  folder = pathlib.Path(output_folder).expanduser()
  if not source.exists():
    raise ValueError(
      f'The input {source} does not exist{images.nearest_names(source)}.'
    )
  masks: set[pathlib.Path] = set()
  if mask_path is not None:
    mask_path = pathlib.Path(mask_path).expanduser()
    masks = holes.list_masks(mask_path, source)
  errors: list[OSError] = []
  if source.is_dir():
    root, paths = source, _find_images(source, folder, masks, errors)
  else:
    root, paths = source.parent, [source]
  make_writable(folder)
  target_folder = folder / class_maps.LABELS if palette else folder
  jobs = _name_outputs(paths, root, target_folder, suffix)
  protected = {_identity(path) for path in [*paths, *masks] if path.exists()}

  for error in errors:
    _report_failure(f'{error.filename}: cannot be read: {error.strerror}.')
  done, skipped, failed = 0, 0, len(errors)
  # Disabled by None: progress bars are for terminals, lines are for both.
  bar = tqdm.tqdm(jobs, unit='file', disable=True if len(jobs) == 1 else None)
  for path, target in bar:
    targets = [target]
    if palette:
      targets.append(class_maps.overlay_target(folder, target))
    try:
      for one in targets:
        if one.exists() and _identity(one) in protected:
          raise ValueError(
            f'{path}: its output {one} is an input file, which is never '
            'replaced: give another output folder.'
          )
      if target.exists() and not overwrite:
        tqdm.tqdm.write(f'{path}: skipped, {target} exists')
        skipped += 1
        continue
      mask = None
      if mask_path is not None:
        mask = holes.locate(path, root, mask_path)
      line = _apply_file(
        predict_photo, path, targets, uses_mask, mask, palette
      )
      tqdm.tqdm.write(line)
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


def _apply_file(
  predict_photo: Callable[..., np.ndarray],
  path: pathlib.Path,
  targets: list[pathlib.Path],
  uses_mask: bool,
  mask: pathlib.Path | None,
  palette: palettes.Palette | None,
) -> str:
  """Restores one picture and returns a line about it."""
  started = time.perf_counter()
  photo = images.read_image(path)
  height, width, channels = photo.pixels.shape
  kind = 'grey' if channels == 1 else 'RGB'
  kind += '' if photo.alpha is None else 'A'
  notes = f', first of {photo.pages} pages' if photo.pages > 1 else ''
  with tqdm.tqdm(
    desc=path.name, unit='tile', leave=False, delay=1, disable=None
  ) as bar:

    def on_tile(done: int, total: int) -> None:
      bar.total = total
      bar.update(done - bar.n)

    try:
      pixels = photo.pixels
      if uses_mask:
        photo, pixels, share = holes.attach(photo, mask)
        notes += f', {share:.1%} in holes'
      pixels = predict_photo(pixels, on_tile)
      if palette:
        class_maps.write(*targets, photo, pixels, palette)
      else:
        targets[0].parent.mkdir(parents=True, exist_ok=True)
        images.write_image(targets[0], images.with_pixels(photo, pixels))
    except ValueError as error:
      raise ValueError(f'{path}: {error}') from error
  return (
    f'{path}: {width} x {height} {kind}, {8 * photo.pixels.itemsize} bit{notes}'
    f' -> {" and ".join(map(str, targets))}, '
    f'{time.perf_counter() - started:.1f} s'
  )


def _find_images(
  source: pathlib.Path,
  output: pathlib.Path,
  masks: set[pathlib.Path],
  errors: list[OSError],
) -> list[pathlib.Path]:
  """Returns the images under `source`, sorted, without outputs and masks."""
  excluded = output.resolve()
  if source.resolve() == excluded:
    raise ValueError(
      f'The output folder {source} is the input folder: give another one, '
      f'such as {source.resolve().with_name(source.resolve().name + "-out")}.'
    )
  found = []
  for folder, subfolders, names in os.walk(source, onerror=errors.append):
    here = pathlib.Path(folder)
    subfolders[:] = [
      name
      for name in subfolders
      if name[0] != '.' and (here / name).resolve() != excluded
    ]
    found += [
      here / name
      for name in names
      if name[0] != '.'
      and name.lower().endswith(images.SUFFIXES)
      and (here / name).resolve() not in masks
    ]
  if not found and not errors:
    raise ValueError(
      f'The input folder {source} has no images '
      f'({", ".join(images.SUFFIXES)}).'
    )
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
    raise ValueError(
      f'The output folder {folder} cannot be written: {error.strerror}.'
    ) from error


def _identity(path: pathlib.Path) -> tuple[int, int]:
  """Returns what two names of one file have in common."""
  status = path.stat()
  return status.st_dev, status.st_ino


def _report_failure(line: str) -> None:
  """Writes one line to stderr, above the progress bars."""
  tqdm.tqdm.write(f'error: {line}', file=sys.stderr)
