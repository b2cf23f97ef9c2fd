"""Pipes among pictures, names that are not UTF-8, and closed outputs."""

import io
import os

import pytest

from autoencoder import errors
from autoencoder.data import listing
from autoencoder.photos import folders


@pytest.fixture
def pictures(tmp_path):
  folder = tmp_path / 'in'
  folder.mkdir()
  (folder / 'a.png').write_bytes(b'a')
  os.mkfifo(folder / 'pipe.png')
  (folder / 'null.png').symlink_to('/dev/null')
  return folder


def _convert(source, target):
  def work(path, to):
    to.write_bytes(path.read_bytes())
    return f'{path}: done'

  return folders.convert_files(
    work, source, target, suffix='.out', kind='images', suffixes=('.png',)
  )


def test_only_regular_files_are_read(pictures, tmp_path, capsys):
  assert _convert(pictures, tmp_path / 'out') == (1, 0, 0)
  printed = capsys.readouterr().out
  assert f'{pictures / "pipe.png"}: ignored' in printed
  assert f'{pictures / "null.png"}: ignored' in printed
  assert listing.list_files(pictures, ('.png',)) == ['a.png']
  with pytest.raises(errors.UserError, match='a pipe, a socket or a device'):
    _convert(pictures / 'pipe.png', tmp_path / 'out')


class _Closed(io.StringIO):
  def write(self, text):
    raise BrokenPipeError(32, 'Broken pipe')


@pytest.mark.parametrize(
  'stdout',
  [
    lambda: io.TextIOWrapper(io.BytesIO(), 'utf-8', 'strict'),
    lambda: io.TextIOWrapper(io.BytesIO(), 'ascii', 'strict'),
    _Closed,
  ],
)
def test_a_line_that_cannot_be_printed_fails_no_file(
  tmp_path, monkeypatch, stdout
):
  folder = tmp_path / 'in'
  folder.mkdir()
  for name in (b'caf\xe9.png', 'ä.png'.encode()):
    (folder / os.fsdecode(name)).write_bytes(b'a')
  monkeypatch.setattr('sys.stdout', stdout())
  assert _convert(folder, tmp_path / 'out') == (2, 0, 0)
