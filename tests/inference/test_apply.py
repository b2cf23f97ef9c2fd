"""Files and folders in, a mirrored tree out, nothing of the person's lost."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

import jax
import numpy as np
from PIL import Image
import pytest

from autoencoder import inference

RGB = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def invert(pixels, on_tile):
  on_tile(1, 1)
  return ~pixels


def save(path, pixels=RGB, **fields):
  path.parent.mkdir(parents=True, exist_ok=True)
  if path.suffix.lower() in ('.png', '.tif'):
    inference.write_image(path, inference.Photo(pixels, **fields))
  else:
    Image.fromarray(pixels.squeeze()).save(path)


def files(folder):
  found = [path for path in folder.rglob('*') if path.is_file()]
  return sorted(str(path.relative_to(folder)) for path in found)


@pytest.fixture
def source(tmp_path):
  return tmp_path / 'in'


@pytest.fixture
def output(tmp_path):
  return tmp_path / 'out'


def test_a_single_file(source, output, capsys):
  save(source / 'photo.jpg', np.full((30, 20, 3), 200, np.uint8))
  summary = inference.apply_files(invert, source / 'photo.jpg', output)
  assert summary == (1, 0, 0)
  assert files(output) == ['photo.png']
  result = inference.read_image(output / 'photo.png')
  assert (np.abs(result.pixels.astype(int) - 55) < 3).all()
  out, err = capsys.readouterr()
  assert '20 x 30 RGB, 8 bit' in out and out.endswith(' s\n')
  assert err == ''


def test_a_tree_keeps_depth_alpha_and_profile(source, output, capsys):
  deep = np.arange(20, dtype=np.uint16).reshape(5, 4, 1) * 3000
  alpha = np.arange(20, dtype=np.uint16).reshape(5, 4)
  save(source / 'a' / 'b' / 'deep.tif', deep, alpha=alpha)
  save(source / 'UPPER.PNG', icc_profile=b'a profile')
  save(source / 'c.webp')
  save(source / 'd.bmp')
  (source / 'notes.txt').write_text('not an image')
  save(source / '.hidden.png')
  save(source / '.thumbnails' / 'small.png')
  assert inference.apply_files(invert, source, output) == (4, 0, 0)
  assert files(output) == ['UPPER.png', 'a/b/deep.png', 'c.png', 'd.png']
  result = inference.read_image(output / 'a' / 'b' / 'deep.png')
  np.testing.assert_array_equal(result.pixels, ~deep)
  np.testing.assert_array_equal(result.alpha, alpha)
  result = inference.read_image(output / 'UPPER.png')
  assert result.icc_profile == b'a profile'
  out = capsys.readouterr().out
  assert out.count('\n') == 4 and '4 x 5 greyA, 16 bit' in out


def test_a_file_by_itself_may_have_any_name(source, output):
  save(source / 'x.png')
  (source / 'x.png').rename(source / 'scan')
  assert inference.apply_files(invert, source / 'scan', output).done == 1
  assert files(output) == ['scan.png']


def test_inputs_never_share_an_output(source, output):
  for name in ('a.jpg', 'a.PNG', 'A.bmp', 'a.png.webp', 'b.png', 'sub/a.png'):
    save(source / name)
  assert inference.apply_files(invert, source, output) == (6, 0, 0)
  assert files(output) == [
    'A.bmp.png', 'a.PNG-2.png', 'a.jpg.png', 'a.png.png', 'b.png', 'sub/a.png',
  ]


def test_existing_outputs_are_kept_unless_asked(source, output, capsys):
  save(source / 'a.png')
  save(source / 'b.png')
  save(output / 'a.png', RGB[:1])
  kept = (output / 'a.png').read_bytes()
  assert inference.apply_files(invert, source, output) == (1, 1, 0)
  assert (output / 'a.png').read_bytes() == kept
  assert 'a.png: skipped' in capsys.readouterr().out
  assert inference.apply_files(invert, source, output) == (0, 2, 0)
  done = inference.apply_files(invert, source, output, overwrite=True)
  assert done == (2, 0, 0)
  result = inference.read_image(output / 'a.png')
  np.testing.assert_array_equal(result.pixels, ~RGB)


def test_a_failing_file_does_not_stop_the_others(source, output, capsys):
  save(source / 'a.png')
  (source / 'b.jpg').write_bytes((source / 'a.png').read_bytes()[:45])
  (source / 'c.png').touch()
  save(source / 'd.png')
  assert inference.apply_files(invert, source, output) == (2, 0, 2)
  assert files(output) == ['a.png', 'd.png']
  lines = capsys.readouterr().err.splitlines()
  assert len(lines) == 2
  assert lines[0].startswith(f'error: {source}/b.jpg: ')
  assert lines[1] == f'error: {source}/c.png: the file is empty.'


@pytest.mark.parametrize(
  'error, message',
  [
    (ValueError('not finite'), r'a.png: not finite'),
    (MemoryError(), r'a.png: cannot be computed: out of memory'),
    (
      jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: 9 GB\nmore\nlines'),
      r'a.png: cannot be computed: RESOURCE_EXHAUSTED: 9 GB',
    ),
  ],
)
def test_a_failing_model_is_one_line(source, output, capsys, error, message):
  save(source / 'a.png')

  def fail(pixels, on_tile):
    raise error

  assert inference.apply_files(fail, source, output) == (0, 0, 1)
  assert files(output) == []
  err = capsys.readouterr().err
  assert err == f'error: {source}/{message}\n'


def test_programming_errors_are_not_hidden(source, output):
  save(source / 'a.png')
  with pytest.raises(TypeError):
    inference.apply_files(lambda pixels: pixels, source, output)


def test_output_inside_the_input_is_not_read_again(source):
  save(source / 'a.png')
  output = source / 'restored'
  assert inference.apply_files(invert, source, output) == (1, 0, 0)
  assert inference.apply_files(invert, source, output) == (0, 1, 0)
  assert files(source) == ['a.png', 'restored/a.png']


def test_a_file_never_replaces_itself(source, capsys):
  save(source / 'a.png')
  before = (source / 'a.png').read_bytes()
  summary = inference.apply_files(
    invert, source / 'a.png', source, overwrite=True
  )
  assert summary == (0, 0, 1)
  assert (source / 'a.png').read_bytes() == before
  assert 'never replaced' in capsys.readouterr().err


def test_nor_any_other_input(tmp_path):
  """pictures/x/x/a.jpg would be written over pictures/x/a.png."""
  source = tmp_path / 'pictures' / 'x'
  save(source / 'x' / 'a.jpg')
  save(source / 'a.png')
  before = (source / 'a.png').read_bytes()
  summary = inference.apply_files(
    invert, source, source.parent, overwrite=True
  )
  assert (source / 'a.png').read_bytes() == before
  assert summary == (1, 0, 1)
  assert (source.parent / 'a.png').exists()


@pytest.mark.parametrize('link', [os.symlink, os.link])
def test_nor_through_a_link(source, output, link):
  save(source / 'a.png')
  before = (source / 'a.png').read_bytes()
  output.mkdir()
  link(source / 'a.png', output / 'a.png')
  summary = inference.apply_files(invert, source, output, overwrite=True)
  assert summary == (0, 0, 1)
  assert (source / 'a.png').read_bytes() == before


def test_output_folder_that_is_the_input_folder(source):
  save(source / 'a.png')
  with pytest.raises(ValueError, match='is the input folder: .*in-out'):
    inference.apply_files(invert, source, source / '..' / 'in')


def test_missing_input_names_the_nearest(tmp_path, output):
  (tmp_path / 'holiday').mkdir()
  with pytest.raises(ValueError, match='holidya does not exist.*holiday'):
    inference.apply_files(invert, tmp_path / 'holidya', output)
  assert not output.exists()


def test_folder_without_images(source, output):
  source.mkdir()
  (source / 'notes.txt').touch()
  with pytest.raises(ValueError, match=r'no images \(\.png, \.jpg'):
    inference.apply_files(invert, source, output)
  assert not output.exists()


@pytest.mark.parametrize('below', ['', 'sub'])
def test_output_that_is_a_file(source, output, below):
  save(source / 'a.png')
  output.touch()
  with pytest.raises(ValueError, match='output folder .* cannot be written: '):
    inference.apply_files(invert, source, output / below)


def test_output_blocked_half_way(source, output, capsys):
  """A file where a folder must be, a folder where a file must be."""
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


def test_unreadable_subfolder_counts_as_failed(source, output, monkeypatch):
  """The tests may run as root, whom no permission stops."""
  save(source / 'a.png')
  save(source / 'locked' / 'b.png')
  scan = os.scandir

  def refuse(path):
    if str(path).endswith('locked'):
      raise PermissionError(13, 'Permission denied', str(path))
    return scan(path)

  monkeypatch.setattr(os, 'scandir', refuse)
  assert inference.apply_files(invert, source, output) == (1, 0, 1)


def test_unknown_output_format(source, output):
  save(source / 'a.png')
  with pytest.raises(ValueError, match='did you mean .tif'):
    inference.apply_files(invert, source, output, suffix='.tfif')


@pytest.mark.parametrize('suffix', ['.tif', '.webp', '.jpg'])
def test_other_output_formats(source, output, suffix):
  save(source / 'a.png')
  assert inference.apply_files(invert, source, output, suffix=suffix).done == 1
  assert files(output) == [f'a{suffix}']


def test_a_format_that_cannot_hold_a_picture(source, output, capsys):
  save(source / 'a.png', alpha=RGB[..., 0])
  save(source / 'b.png')
  summary = inference.apply_files(invert, source, output, suffix='.jpg')
  assert summary == (1, 0, 1)
  err = capsys.readouterr().err
  assert err.startswith(f'error: {source}/a.png: JPEG holds no transparency')


def test_a_link_to_nothing_fails_alone(source, output, capsys):
  save(source / 'a.png')
  (source / 'b.png').symlink_to('gone.png')
  assert inference.apply_files(invert, source, output) == (1, 0, 1)
  assert f'error: {source}/b.png does not exist' in capsys.readouterr().err


def test_further_pages_are_mentioned(source, output, capsys):
  source.mkdir()
  first = Image.fromarray(RGB)
  first.save(source / 'a.tif', save_all=True, append_images=[first, first])
  assert inference.apply_files(invert, source, output).done == 1
  assert '8 bit, first of 3 pages -> ' in capsys.readouterr().out


def test_enlarged_pictures_enlarge_their_alpha(source, output):
  alpha = np.full((5, 4), 60000, np.uint16)
  alpha[:, 2:] = 500
  save(source / 'a.png', RGB.astype(np.uint16) * 257, alpha=alpha)

  def enlarge(pixels, on_tile):
    return pixels.repeat(2, 0).repeat(2, 1)

  assert inference.apply_files(enlarge, source, output).done == 1
  result = inference.read_image(output / 'a.png')
  assert result.alpha.shape == result.pixels.shape[:2] == (10, 8)
  assert result.alpha.dtype == np.uint16
  assert np.abs(result.alpha[:, 0].astype(int) - 60000).max() < 3000
  assert result.alpha[:, -1].max() < 3000


def test_grey_profile_is_dropped_from_a_colored_answer(source, output):
  save(source / 'a.png', RGB[..., :1], icc_profile=b'grey profile')

  def colorize(pixels, on_tile):
    return pixels.repeat(3, -1)

  assert inference.apply_files(colorize, source, output).done == 1
  assert inference.read_image(output / 'a.png').icc_profile is None


def test_progress_is_for_terminals():
  """Bars over files and tiles on a terminal; one plain line elsewhere."""
  code = """
import sys, tempfile, time, numpy as np, pathlib
from autoencoder import inference
folder = pathlib.Path(tempfile.mkdtemp())
for name in 'ab':
  photo = inference.Photo(np.zeros((4, 4, 3), np.uint8))
  inference.write_image(folder / f'{name}.png', photo)
def slow(pixels, on_tile):
  on_tile(1, 3)
  time.sleep(1.2)
  on_tile(2, 3)
  on_tile(3, 3)
  return pixels
inference.apply_files(slow, folder, folder / 'out')
"""
  master, slave = pty.openpty()
  fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('4H', 24, 80, 0, 0))
  process = subprocess.Popen(
    [sys.executable, '-c', code],
    stderr=slave, stdout=subprocess.PIPE, text=True,
    env=os.environ | {'PYTHONPATH': os.getcwd()},
  )
  os.close(slave)
  shown = b''
  try:
    while data := os.read(master, 4096):
      shown += data
  except OSError:  # How Linux says that the other side is closed.
    pass
  os.close(master)
  out, _ = process.communicate()
  assert process.returncode == 0
  assert out.count('a.png') == 2 and out.count('\n') == 2
  assert b'2/2' in shown and b'a.png: ' in shown and b'2/3' in shown
