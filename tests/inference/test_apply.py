"""Picture files and folders in, the same tree out, and no data lost."""

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
from PIL import ImageCms
import pytest

from autoencoder import inference
from autoencoder import photos

RGB = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)


def test_a_single_file_is_restored(invert, save, files, source, output, capsys):
  save(source / 'photo.jpg', np.full((30, 20, 3), 200, np.uint8))
  summary = inference.apply_files(invert, source / 'photo.jpg', output)
  assert summary == (1, 0, 0)
  assert files(output) == ['photo.png']
  result = photos.read_image(output / 'photo.png')
  assert (np.abs(result.pixels.astype(int) - 55) < 3).all()
  out, err = capsys.readouterr()
  assert '20 x 30 RGB, 8 bit' in out and out.endswith(' s\n')
  assert err == ''


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()


def test_a_folder_keeps_depth_alpha_and_profile(
  invert, save, files, source, output, capsys
):
  deep = np.arange(20, dtype=np.uint16).reshape(5, 4, 1) * 3000
  alpha = np.arange(1, 21, dtype=np.uint16).reshape(5, 4)
  save(source / 'a' / 'b' / 'deep.tif', deep, alpha=alpha)
  save(source / 'UPPER.PNG', icc_profile=SRGB)
  save(source / 'c.webp')
  save(source / 'd.bmp')
  (source / 'notes.txt').write_text('not an image')
  save(source / '.hidden.png')
  save(source / '.thumbnails' / 'small.png')
  assert inference.apply_files(invert, source, output) == (4, 0, 0)
  assert files(output) == ['UPPER.png', 'a/b/deep.png', 'c.png', 'd.png']
  result = photos.read_image(output / 'a' / 'b' / 'deep.png')
  np.testing.assert_array_equal(result.pixels, ~deep)
  np.testing.assert_array_equal(result.alpha, alpha)
  result = photos.read_image(output / 'UPPER.png')
  assert result.icc_profile == SRGB
  out = capsys.readouterr().out
  assert out.startswith('Ignored, because not images: 1 (.txt).\n')
  assert out.count('\n') == 5 and '4 x 5 greyA, 16 bit' in out


def test_a_single_file_may_have_any_name(invert, save, files, source, output):
  save(source / 'x.png')
  (source / 'x.png').rename(source / 'scan')
  assert inference.apply_files(invert, source / 'scan', output).done == 1
  assert files(output) == ['scan.png']


def test_inputs_never_share_an_output(invert, save, files, source, output):
  for name in ('a.jpg', 'a.PNG', 'A.bmp', 'a.png.webp', 'b.png', 'sub/a.png'):
    save(source / name)
  assert inference.apply_files(invert, source, output) == (6, 0, 0)
  assert files(output) == [
    'A.bmp.png',
    'a.PNG-2.png',
    'a.jpg.png',
    'a.png.png',
    'b.png',
    'sub/a.png',
  ]


def test_existing_outputs_are_kept_unless_asked(
  invert, save, source, output, capsys
):
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
  result = photos.read_image(output / 'a.png')
  np.testing.assert_array_equal(result.pixels, ~RGB)


def test_a_failing_file_does_not_stop_the_others(
  invert, save, files, source, output, capsys
):
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
def test_a_failing_model_is_reported_in_one_line(
  save, files, source, output, capsys, error, message
):
  save(source / 'a.png')

  def fail(pixels, on_tile):
    raise error

  assert inference.apply_files(fail, source, output) == (0, 0, 1)
  assert files(output) == []
  err = capsys.readouterr().err
  assert err == f'error: {source}/{message}\n'


def test_programming_errors_are_not_hidden(save, source, output):
  save(source / 'a.png')
  with pytest.raises(TypeError):
    inference.apply_files(lambda pixels: pixels, source, output)


def test_an_unknown_output_format_is_refused(invert, save, source, output):
  save(source / 'a.png')
  with pytest.raises(ValueError, match='did you mean .tif'):
    inference.apply_files(invert, source, output, suffix='.tfif')


@pytest.mark.parametrize('suffix', ['.tif', '.webp', '.jpg'])
def test_other_output_formats(invert, save, files, source, output, suffix):
  save(source / 'a.png')
  assert inference.apply_files(invert, source, output, suffix=suffix).done == 1
  assert files(output) == [f'a{suffix}']


def test_a_format_that_cannot_hold_a_picture(
  invert, save, source, output, capsys
):
  save(source / 'a.png', alpha=RGB[..., 0])
  save(source / 'b.png')
  summary = inference.apply_files(invert, source, output, suffix='.jpg')
  assert summary == (1, 0, 1)
  err = capsys.readouterr().err
  assert err.startswith(
    f'error: {source}/a.png: JPEG files have no transparency'
  )


def test_further_pages_are_mentioned(invert, source, output, capsys):
  source.mkdir()
  first = Image.fromarray(RGB)
  first.save(source / 'a.tif', save_all=True, append_images=[first, first])
  assert inference.apply_files(invert, source, output).done == 1
  assert '8 bit, first of 3 pages -> ' in capsys.readouterr().out


def test_enlarged_pictures_enlarge_their_alpha(save, source, output):
  alpha = np.full((5, 4), 60000, np.uint16)
  alpha[:, 2:] = 500
  save(source / 'a.png', RGB.astype(np.uint16) * 257, alpha=alpha)

  def enlarge(pixels, on_tile):
    return pixels.repeat(2, 0).repeat(2, 1)

  assert inference.apply_files(enlarge, source, output).done == 1
  result = photos.read_image(output / 'a.png')
  assert result.alpha.shape == result.pixels.shape[:2] == (10, 8)
  assert result.alpha.dtype == np.uint16
  assert np.abs(result.alpha[:, 0].astype(int) - 60000).max() < 3000
  assert result.alpha[:, -1].max() < 3000


def test_grey_profile_is_dropped_from_a_colored_answer(save, source, output):
  save(source / 'a.png', RGB[..., :1], icc_profile=b'grey profile')

  def colorize(pixels, on_tile):
    return pixels.repeat(3, -1)

  assert inference.apply_files(colorize, source, output).done == 1
  assert photos.read_image(output / 'a.png').icc_profile is None


def test_progress_is_for_terminals():
  """A terminal shows bars over files and tiles; a file gets plain lines."""
  code = """
import sys, tempfile, time, numpy as np, pathlib
from autoencoder import inference
from autoencoder import photos
folder = pathlib.Path(tempfile.mkdtemp())
for name in 'ab':
  photo = photos.Photo(np.zeros((4, 4, 3), np.uint8))
  photos.write_image(folder / f'{name}.png', photo)
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
    stderr=slave,
    stdout=subprocess.PIPE,
    text=True,
    env=os.environ | {'PYTHONPATH': os.getcwd()},
  )
  os.close(slave)
  shown = b''
  try:
    while data := os.read(master, 4096):
      shown += data
  except OSError:  # Linux raises it when the other side is closed.
    pass
  os.close(master)
  out, _ = process.communicate()
  assert process.returncode == 0
  assert out.count('a.png') == 2 and out.count('\n') == 2
  assert b'2/2' in shown and b'a.png: ' in shown and b'2/3' in shown
