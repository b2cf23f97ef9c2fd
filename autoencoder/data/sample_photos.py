"""The embedded data set: photographs that installed Python packages contain.

scikit-image, scikit-learn and matplotlib ship a few photographs. `prepare`
turns them into a TFDS data set in a cache folder, in about a second and without
network. Micrographs and scans in these packages are not used.
"""

from collections.abc import Iterator
import contextlib
import importlib.util
import io
import os
import pathlib
import tempfile
from typing import Any

import tensorflow_datasets as tfds

from autoencoder import errors
from autoencoder.runtime import paths as paths_lib

# The motorcycle pair shows one scene twice, so both are in the same split.
TRAIN = (
  'astronaut.png',
  'chelsea.png',
  'china.jpg',
  'grace_hopper.jpg',
  'hubble_deep_field.jpg',
  'motorcycle_left.png',
  'motorcycle_right.png',
)
TEST = ('rocket.jpg', 'coffee.png', 'flower.jpg')

# The packages that contain the photos, and their folders of photos.
PACKAGES = {
  'skimage': 'data',
  'sklearn': 'datasets/images',
  'matplotlib': 'mpl-data/sample_data',
}


class SamplePhotos(tfds.core.GeneratorBasedBuilder):
  """TFDS builder of the sample photos. It stores the files unchanged."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'Seven photos to train on, three held out.'}

  def _info(self) -> tfds.core.DatasetInfo:
    return tfds.core.DatasetInfo(
      builder=self,
      description='Colour photographs that Python packages ship.',
      features=tfds.features.FeaturesDict(
        {
          'image': tfds.features.Image(shape=(None, None, 3)),
          'name': tfds.features.Text(),
        }
      ),
      homepage='https://scikit-image.org/docs/stable/api/skimage.data.html',
      disable_shuffling=True,  # Reports show the photos in this order.
    )

  def _split_generators(
    self, dl_manager: tfds.download.DownloadManager
  ) -> dict[str, Iterator[tuple[int, dict[str, Any]]]]:
    del dl_manager
    return {
      'train': self._generate_examples(TRAIN),
      'test': self._generate_examples(TEST),
    }

  def _generate_examples(
    self, files: tuple[str, ...]
  ) -> Iterator[tuple[int, dict[str, Any]]]:
    for i, file in enumerate(files):
      # A path, not pixels: TFDS encodes arrays through TensorFlow.
      yield i, {'image': _find(file), 'name': pathlib.Path(file).stem}


def cache_folder() -> pathlib.Path:
  """Returns the folder of prepared data: TFDS_DATA_DIR or the user's cache."""
  if chosen := os.environ.get('TFDS_DATA_DIR'):
    return paths_lib.expand(chosen)
  cache = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
  return paths_lib.expand(cache) / 'autoencoder'


def prepare() -> SamplePhotos:
  """Prepares the photos unless an earlier call did; returns their builder.

  Several processes may call this at once, and an interruption leaves nothing
  behind: the data is prepared in a temporary folder, which is then renamed.

  Raises:
    UserError: the cache folder cannot be written, or a photo is missing.
  """
  root = cache_folder()
  try:
    builder = SamplePhotos(data_dir=root)
    if not builder.data_path.exists():
      _prepare_in(root)
      builder = SamplePhotos(data_dir=root)
  except OSError as error:
    raise errors.UserError(
      f'The sample photos cannot be prepared in {root} ({error}): set '
      'TFDS_DATA_DIR to a writable folder.'
    ) from error
  return builder


def _prepare_in(root: pathlib.Path) -> None:
  """Prepares the data set below `root`, completely or not at all."""
  root.mkdir(parents=True, exist_ok=True)
  prefix = f'.{SamplePhotos.name}-'
  with tempfile.TemporaryDirectory(prefix=prefix, dir=root) as temporary:
    fresh = SamplePhotos(data_dir=temporary)
    # Hide the progress of TFDS: preparing takes only a second.
    with (
      contextlib.redirect_stdout(io.StringIO()),
      contextlib.redirect_stderr(io.StringIO()),
    ):
      fresh.download_and_prepare(file_format='array_record')
    final = SamplePhotos(data_dir=root).data_path
    final.parent.mkdir(parents=True, exist_ok=True)
    try:
      os.rename(fresh.data_path, final)
    except OSError:
      if not final.exists():  # If it exists, another process was faster.
        raise


def _find(file: str) -> pathlib.Path:
  """Returns the path of a shipped photo, without importing its package."""
  for module, folder in PACKAGES.items():
    spec = importlib.util.find_spec(module)
    folders = spec.submodule_search_locations if spec else None
    for base in folders or ():
      path = pathlib.Path(base, folder, file)
      if path.is_file():
        return path
  raise errors.UserError(
    f'The sample photo {file} is missing from the installed scikit-image, '
    'scikit-learn and matplotlib: reinstall the versions of requirements.txt.'
  )
