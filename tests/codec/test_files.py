"""Folders of pictures and of `.cae` files, and conversions for the format."""

import numpy as np
from PIL import Image
from PIL import ImageCms
import pytest

from autoencoder import codec
from autoencoder import photos
from autoencoder.cli import file_modes
from autoencoder.cli import request as request_lib
from autoencoder.codec import trained
from autoencoder.photos import images


@pytest.fixture
def paths(tmp_path):
  return tmp_path / 'in', tmp_path / 'small', tmp_path / 'back'


def _save(path, pixels, **fields):
  path.parent.mkdir(parents=True, exist_ok=True)
  photos.write_image(path, photos.Photo(pixels, **fields))


def test_a_folder_is_compressed_and_decompressed(model, tiny, paths, capsys):
  source, small, back = paths
  _save(source / 'a.png', tiny.image(30, 41))
  _save(source / 'sub' / 'b.tif', tiny.image(17, 16, 1))
  (source / 'bad.jpg').write_bytes(b'no picture')
  summary = codec.compress_files(model, source, small, quality=3)
  assert summary == (2, 0, 1)
  out, err = capsys.readouterr()
  assert err.startswith(f'error: {source / "bad.jpg"}: ')
  size = (small / 'a.cae').stat().st_size
  assert f'41 x 30 RGB -> {small / "a.cae"}, {size:,} bytes' in out
  assert f'{8 * size / 41 / 30:.3f} bits per pixel' in out
  share = size / (source / 'a.png').stat().st_size
  assert f'{share:.0%} of the source' in out
  assert ('keep the source' in out.splitlines()[0]) == (share > 1)
  data = (small / 'sub' / 'b.cae').read_bytes()
  assert data == codec.compress(model, tiny.image(17, 16, 1), quality=3)

  (small / 'bad.cae').write_bytes(data[:-9])
  (small / 'other.cae').write_bytes(b'no such file')
  assert codec.decompress_files(model, small, back) == (2, 0, 2)
  err = capsys.readouterr().err.splitlines()
  assert [str(small / 'bad.cae') in err[0], 'cut off' in err[0]] == [True] * 2
  assert 'other.cae' in err[1] and 'not a .cae file' in err[1]
  grey = photos.read_image(back / 'sub' / 'b.png').pixels
  np.testing.assert_array_equal(grey, codec.decompress(model, data))
  assert photos.read_image(back / 'a.png').pixels.shape == (30, 41, 3)
  # A second time: existing files are skipped, and no temporary file is left.
  assert codec.decompress_files(model, small, back) == (0, 2, 2)
  assert codec.decompress_files(model, small, back, overwrite=True).done == 2
  assert not list(back.rglob('.*')) and not list(small.rglob('.*'))


def test_a_single_file_and_a_missing_file(model, tiny, paths):
  source, small, back = paths
  _save(source / 'a.png', tiny.image(8, 8))
  assert codec.compress_files(model, source / 'a.png', small) == (1, 0, 0)
  assert codec.decompress_files(model, small / 'a.cae', back) == (1, 0, 0)
  with pytest.raises(ValueError, match='no compressed files .*cae'):
    codec.decompress_files(model, source, back)
  with pytest.raises(ValueError, match='no images'):
    codec.compress_files(model, small, back)
  with pytest.raises(ValueError, match='a.cea does not exist.*a.cae'):
    codec.decompress_files(model, small / 'a.cea', back)
  with pytest.raises(ValueError, match='1 .smallest. to 4'):
    codec.compress_files(model, source, small, quality=9)


def test_a_file_of_another_model_names_both(model, tiny, paths, capsys):
  source, small, back = paths
  other = codec.TrainedCodec(tiny.make(seed=3))
  _save(source / 'a.png', tiny.image(8, 8))
  codec.compress_files(other, source, small)
  assert codec.decompress_files(model, small, back) == (0, 0, 1)
  err = capsys.readouterr().err
  assert other.digest.hex() in err and model.digest.hex() in err


def _compressed(model, small, name='a'):
  return codec.decompress(model, (small / f'{name}.cae').read_bytes())


def test_sixteen_bits_are_rounded(model, tiny, paths, capsys):
  source, small, _ = paths
  image = tiny.image(20, 20)
  wide = image.astype(np.uint16) * 257 + 128
  wide[0, 0] = 65535
  image[0, 0] = 255
  _save(source / 'a.png', wide)
  codec.compress_files(model, source, small)
  assert '16 bits rounded to 8' in capsys.readouterr().out
  assert (small / 'a.cae').read_bytes() == codec.compress(model, image)


def test_rounding_of_sixteen_bits_is_the_nearest():
  every = np.arange(65536, dtype=np.uint16)
  np.testing.assert_array_equal(
    images.to_eight_bits(every), np.rint(every / 65535 * 255)
  )


def test_transparency_is_blended_with_white(model, tiny, paths, capsys):
  source, small, _ = paths
  image = tiny.image(20, 20)
  alpha = np.full((20, 20), 255, np.uint8)
  _save(source / 'opaque.png', image, alpha=alpha)
  alpha = alpha.copy()
  alpha[:10], alpha[10] = 0, 128
  _save(source / 'a.png', image, alpha=alpha)
  codec.compress_files(model, source, small)
  out = capsys.readouterr().out
  assert out.count('transparency laid on white') == 1
  expected = image.copy()
  expected[:10] = 255
  expected[10] = np.rint(image[10] * (128 / 255) + 127.0)
  assert (small / 'a.cae').read_bytes() == codec.compress(model, expected)
  opaque = (small / 'opaque.cae').read_bytes()
  assert opaque == codec.compress(model, image)


def test_orientation_is_applied(model, tiny, paths):
  source, small, _ = paths
  source.mkdir()
  exif = Image.Exif()
  exif[274] = 6  # Rotated by 90 degrees.
  Image.fromarray(tiny.image(24, 40)).save(source / 'a.jpg', exif=exif)
  codec.compress_files(model, source, small)
  assert _compressed(model, small).shape == (40, 24, 3)


def test_colour_profiles_become_srgb(model, tiny, paths, capsys):
  source, small, _ = paths
  image = tiny.image(16, 16)
  srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
  _save(source / 'srgb.png', image, icc_profile=srgb)
  _save(source / 'damaged.png', image, icc_profile=b'no profile')
  codec.compress_files(model, source, small)
  out = capsys.readouterr().out
  assert 'converted' not in out and out.count('left out') == 1
  expected = codec.compress(model, image)
  assert (small / 'srgb.cae').read_bytes() == expected
  assert (small / 'damaged.cae').read_bytes() == expected


def test_cmyk_is_read(model, paths):
  source, small, _ = paths
  source.mkdir()
  Image.new('CMYK', (20, 10), (0, 255, 255, 0)).save(source / 'a.jpg')
  assert codec.compress_files(model, source, small).done == 1
  assert _compressed(model, small).shape == (10, 20, 3)


@pytest.fixture
def run(tiny, tmp_path, monkeypatch):
  """Returns a run directory from which the tiny model is loaded."""
  loaded = {'seed': 0}
  monkeypatch.setattr(
    'autoencoder.runs.checkpoint.load', lambda workdir: tiny.make(**loaded)
  )
  (tmp_path / 'run').mkdir()
  return tmp_path / 'run', loaded


def test_tables_are_stored_in_the_run(run, model, tiny):
  workdir, loaded = run
  assert codec.load(workdir).digest == model.digest
  written = (workdir / trained.TABLES_FILE).stat()
  assert codec.load(workdir).digest == model.digest
  again = (workdir / trained.TABLES_FILE).stat()
  assert (written.st_ino, written.st_mtime_ns) == (
    again.st_ino,
    again.st_mtime_ns,
  )
  # After more training, the weights and the tables have changed.
  loaded['seed'] = 1
  other = codec.load(workdir)
  assert other.digest == codec.TrainedCodec(tiny.make(seed=1)).digest
  assert codec.load(workdir).digest == other.digest
  assert [path.name for path in workdir.iterdir()] == [trained.TABLES_FILE]


def test_damaged_tables_are_refused(run):
  workdir, _ = run
  path = workdir / trained.TABLES_FILE
  codec.load(workdir)
  whole = path.read_bytes()
  middle = len(whole) // 2
  altered = whole[:middle] + b'?' * 99 + whole[middle + 99 :]
  for content in (b'', b'PK\3\4 nothing', whole[:-500], altered):
    path.write_bytes(content)
    with pytest.raises(ValueError, match='codec.npz is damaged'):
      codec.load(workdir)


def test_a_run_that_does_not_compress_is_refused(monkeypatch, tmp_path):
  monkeypatch.setattr(
    'autoencoder.runs.checkpoint.load', lambda workdir: object()
  )
  with pytest.raises(ValueError, match='does not compress'):
    codec.load(tmp_path)


def test_the_modes_report_missing_flags_and_results(run, tiny, paths):
  workdir, _ = run
  source, small, back = paths
  _save(source / 'a.png', tiny.image(8, 8))
  request = request_lib.Request(workdir, None, None, '', output=str(small))
  with pytest.raises(ValueError, match='--mode=compress needs --input=PATH'):
    file_modes.compress(request)

  def make(**fields):
    return request_lib.Request(workdir, None, None, '', **fields)

  there = make(input=str(source), output=str(small), quality=1)
  assert file_modes.compress(there) == 0
  assert (small / 'a.cae').read_bytes()[8] == 1
  assert file_modes.decompress(make(input=small, output=back)) == 0
  (small / 'b.cae').write_bytes(b'')
  assert file_modes.decompress(make(input=small, output=back)) == 1
