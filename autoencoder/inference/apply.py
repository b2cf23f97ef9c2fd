"""Picture files: one file or a folder in, a folder out."""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import os
import pathlib
import time

import numpy as np
import tqdm

from autoencoder import errors
from autoencoder.image import palettes
from autoencoder.inference import holes
from autoencoder.photos import class_maps
from autoencoder.photos import encoding
from autoencoder.photos import folders
from autoencoder.photos import images
from autoencoder.runtime import paths as paths_lib

# A 16-bit picture whose brightest pixel is below this share of the range may
# hold 12 bits in the lower ones.
_DARK = 0.1


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
  stretch: bool = False,
  seen: Mapping[str, str] | None = None,
) -> folders.Summary:
  """Restores a picture, or every picture of a folder and its subfolders.

  Outputs keep the folder tree, the names, the bit depth, the transparency and
  the colour profile: `in/a/photo.jpg` becomes `out/a/photo.png`. Inputs that
  would share an output keep their suffix in its name (`photo.jpg.png`,
  `photo.tif.png`). Hidden files, masks and files in the output folder are not
  inputs.

  If the outputs are class labels, each picture gets two files of the same name,
  in `labels/` and in `overlays/` of the output folder: see `class_maps`.

  A file that fails is reported in one line on stderr, and the other files are
  still processed. An input file is never replaced, whatever `overwrite` says.

  Args:
    predict_photo: `(pixels, on_tile) -> pixels`, see `make_photo_restorer`.
    input_path: an image file or a folder.
    output_folder: created if missing; not the input folder itself.
    uses_mask: whether `predict_photo` takes a mask as the last channel.
    mask_path: if it does, a picture that is white in the holes, or a folder of
      pictures named like the inputs. None takes the transparency as the mask.
    overwrite: whether to replace existing outputs. If not, they are skipped.
    suffix: format of the outputs, see `images.write_image`.
    palette: the classes, if `predict_photo` returns labels.
    stretch: whether to scale 16-bit pictures that use the lower bits only, such
      as 12 bits stored in 16, to the full range. Results stay scaled.
    seen: a note by kind of picture, 'grey' or 'RGB', to print if the model sees
      such a picture as another kind.

  Returns:
    The numbers of pictures that were done, skipped and failed.

  Raises:
    UserError: there is nothing to restore, or the output folder cannot be
      written.

  Example:

    summary = apply_files(restore, 'holiday', 'holiday-restored')
    sys.exit(1 if summary.failed else 0)
  """
  encoding.check_suffix(suffix)
  source = paths_lib.expand(input_path)
  masks: set[pathlib.Path] = set()
  once = folders.NoteOnce(images.EXIF_NOTE)
  mask_source: pathlib.Path | None = None
  if mask_path is not None:
    mask_source = paths_lib.expand(mask_path)
    if source.exists():  # If not, `convert_files` says so.
      masks = holes.list_masks(mask_source, source)

  def work(path: pathlib.Path, *targets: pathlib.Path) -> str:
    mask = None
    if mask_source is not None:
      root = source if source.is_dir() else source.parent
      mask = holes.locate(path, root, mask_source)
    return _apply_file(
      predict_photo,
      path,
      targets,
      uses_mask,
      mask,
      palette,
      seen or {},
      stretch,
      once,
    )

  return folders.convert_files(
    work,
    source,
    output_folder,
    suffix=suffix,
    kind='images',
    suffixes=images.SUFFIXES,
    trees=(class_maps.LABELS, class_maps.OVERLAYS) if palette else ('',),
    excluded=masks,
    overwrite=overwrite,
  )


def _apply_file(
  predict_photo: Callable[..., np.ndarray],
  path: pathlib.Path,
  targets: tuple[pathlib.Path, ...],
  uses_mask: bool,
  mask: pathlib.Path | None,
  palette: palettes.Palette | None,
  seen: Mapping[str, str],
  stretch: bool,
  once: folders.NoteOnce,
) -> str:
  """Restores one picture and returns the line to print about it."""
  started = time.perf_counter()
  photo = images.read_image(path)
  if photo.has_exif:
    once.write()
  height, width, channels = photo.pixels.shape
  kind = 'grey' if channels == 1 else 'RGB'
  notes = f', {seen[kind]}' if kind in seen else ''
  kind += '' if photo.alpha is None else 'A'
  notes += f', first of {photo.pages} pages' if photo.pages > 1 else ''
  notes += ''.join(f', {note}' for note in photo.notes)
  photo, note = _check_range(photo, stretch)
  notes += note
  with tqdm.tqdm(
    desc=path.name, unit='tile', leave=False, delay=1, disable=None
  ) as bar:

    def on_tile(done: int, total: int) -> None:
      bar.total = total
      bar.update(done - bar.n)

    try:
      if not uses_mask or mask is not None:
        photo = images.fill_invisible(photo)
      pixels = photo.pixels
      if uses_mask:
        photo, pixels, share = holes.attach(photo, mask)
        notes += f', {share:.1%} in holes'
      pixels = predict_photo(pixels, on_tile)
      if palette:
        labels, overlay = targets
        class_maps.write(labels, overlay, photo, pixels, palette)
      else:
        images.write_image(targets[0], images.with_pixels(photo, pixels))
    except ValueError as error:
      raise errors.UserError(f'{path}: {error}') from error
  return (
    f'{path}: {width} x {height} {kind}, {8 * photo.pixels.itemsize} bit{notes}'
    f' -> {" and ".join(map(str, targets))}, '
    f'{time.perf_counter() - started:.1f} s'
  )


def _check_range(
  photo: images.Photo, stretch: bool
) -> tuple[images.Photo, str]:
  """Returns the photo, scaled if `stretch`, and a note if it is very dark.

  Scanners and scientific cameras store 12 bits in 16. A model sees such a
  picture as almost black, and its noise as far weaker than it is.
  """
  top = np.iinfo(photo.pixels.dtype).max
  brightest = int(photo.pixels.max())
  if photo.pixels.dtype != np.uint16 or not 0 < brightest < _DARK * top:
    return photo, ''
  factor = 2 ** int(np.log2(top / brightest))
  note = f', brightest pixel at {brightest / top:.1%} of the range'
  if not stretch:
    return photo, f'{note}: --stretch multiplies it by {factor}'
  photo = dataclasses.replace(photo, pixels=photo.pixels * np.uint16(factor))
  return photo, f'{note}, multiplied by {factor}'
