"""Paths that cannot be used, and that no file of the user is replaced."""

import os

import numpy as np
import pytest

from autoencoder import inference

RGB = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def test_output_inside_the_input_is_not_read_again(invert, save, files, source):
  save(source / 'a.png')
  output = source / 'restored'
  assert inference.apply_files(invert, source, output) == (1, 0, 0)
  assert inference.apply_files(invert, source, output) == (0, 1, 0)
  assert files(source) == ['a.png', 'restored/a.png']


def test_a_file_never_replaces_itself(invert, save, source, capsys):
  save(source / 'a.png')
  before = (source / 'a.png').read_bytes()
  summary = inference.apply_files(
    invert, source / 'a.png', source, overwrite=True
  )
  assert summary == (0, 0, 1)
  assert (source / 'a.png').read_bytes() == before
  assert 'never replaced' in capsys.readouterr().err


def test_a_file_never_replaces_another_input(invert, save, tmp_path):
  """The output of pictures/x/x/a.jpg would be the input pictures/x/a.png."""
  source = tmp_path / 'pictures' / 'x'
  save(source / 'x' / 'a.jpg')
  save(source / 'a.png')
  before = (source / 'a.png').read_bytes()
  summary = inference.apply_files(invert, source, source.parent, overwrite=True)
  assert (source / 'a.png').read_bytes() == before
  assert summary == (1, 0, 1)
  assert (source.parent / 'a.png').exists()


@pytest.mark.parametrize('link', [os.symlink, os.link])
def test_a_file_never_replaces_an_input_through_a_link(
  invert, save, source, output, link
):
  save(source / 'a.png')
  before = (source / 'a.png').read_bytes()
  output.mkdir()
  link(source / 'a.png', output / 'a.png')
  summary = inference.apply_files(invert, source, output, overwrite=True)
  assert summary == (0, 0, 1)
  assert (source / 'a.png').read_bytes() == before


def test_output_folder_that_is_the_input_folder(invert, save, source):
  save(source / 'a.png')
  with pytest.raises(ValueError, match='is the input folder: .*in-out'):
    inference.apply_files(invert, source, source / '..' / 'in')


def test_missing_input_names_the_nearest(invert, tmp_path, output):
  (tmp_path / 'holiday').mkdir()
  with pytest.raises(ValueError, match='holidya does not exist.*holiday'):
    inference.apply_files(invert, tmp_path / 'holidya', output)
  assert not output.exists()


def test_folder_without_images(invert, source, output):
  source.mkdir()
  (source / 'notes.txt').touch()
  with pytest.raises(ValueError, match=r'no images \(\.png, \.jpg'):
    inference.apply_files(invert, source, output)
  assert not output.exists()


def test_files_that_are_no_pictures_are_counted(
  invert, save, files, source, output, capsys
):
  save(source / 'a.png')
  for name in ('b.heic', 'c.GIF', 'd.gif', '.hidden', 'e'):
    (source / name).write_bytes(b'')
  assert inference.apply_files(invert, source, output) == (1, 0, 0)
  told, line = capsys.readouterr().out.splitlines()
  assert told == 'Ignored, because not images: 4 (.gif, .heic, ?).'
  assert line.startswith(f'{source}/a.png')


@pytest.mark.parametrize('below', ['', 'sub'])
def test_output_that_is_a_file(invert, save, source, output, below):
  save(source / 'a.png')
  output.touch()
  with pytest.raises(ValueError, match='output folder .* cannot be written: '):
    inference.apply_files(invert, source, output / below)


def test_output_blocked_half_way(invert, save, files, source, output, capsys):
  """A file blocks an output folder, and a folder blocks an output file."""
  save(source / 'sub' / 'a.png')
  save(source / 'b.png')
  save(source / 'c.png')
  output.mkdir()
  (output / 'sub').touch()
  (output / 'b.png').mkdir()
  summary = inference.apply_files(invert, source, output, overwrite=True)
  assert summary == (1, 0, 2)
  assert files(output) == ['c.png', 'sub']
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 2
  assert all('cannot be written: ' in line for line in lines)


def test_an_unreadable_subfolder_counts_as_failed(
  invert, save, source, output, monkeypatch
):
  """Simulates the error, because root may read any folder."""
  save(source / 'a.png')
  save(source / 'locked' / 'b.png')
  scan = os.scandir

  def refuse(path):
    if str(path).endswith('locked'):
      raise PermissionError(13, 'Permission denied', str(path))
    return scan(path)

  monkeypatch.setattr(os, 'scandir', refuse)
  assert inference.apply_files(invert, source, output) == (1, 0, 1)


def test_a_broken_link_does_not_stop_the_others(
  invert, save, source, output, capsys
):
  save(source / 'a.png')
  (source / 'b.png').symlink_to('gone.png')
  assert inference.apply_files(invert, source, output) == (1, 0, 1)
  assert f'error: {source}/b.png is a broken link' in capsys.readouterr().err


def test_an_output_that_is_a_folder_already(
  invert, save, source, output, capsys
):
  save(source / 'a.png')
  save(source / 'b.png')
  (output / 'a.png').mkdir(parents=True)
  assert inference.apply_files(invert, source, output) == (1, 0, 1)
  assert 'a.png: cannot be written: it is' in capsys.readouterr().err
