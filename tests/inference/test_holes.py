"""Holes of a picture: transparent, or white in a second picture."""

import numpy as np
from PIL import Image
import pytest

from autoencoder import inference
from autoencoder import photos
from autoencoder.inference import holes as holes_lib

RGB = np.arange(6 * 5 * 3, dtype=np.uint8).reshape(6, 5, 3)
HOLES = np.zeros((6, 5), bool)
HOLES[1:3, 2:] = True


def show_holes(pixels, on_tile):
  """Stands for a model: inverts the colours in the holes."""
  on_tile(1, 1)
  image, mask = pixels[..., :-1], pixels[..., -1:]
  assert np.isin(mask, [0, np.iinfo(pixels.dtype).max]).all()
  return np.where(mask > 0, ~image, image)


def save(path, pixels=RGB, **fields):
  path.parent.mkdir(parents=True, exist_ok=True)
  photos.write_image(path, photos.Photo(pixels, **fields))


def save_mask(path, holes=HOLES, **fields):
  save(path, np.where(holes, 255, 0).astype(np.uint8)[..., None], **fields)


def apply(source, output, mask=None, **options):
  return inference.apply_files(
    show_holes, source, output, uses_mask=True, mask_path=mask, **options
  )


@pytest.fixture
def masks(tmp_path):
  return tmp_path / 'masks'


def check(path, pixels=RGB, holes=HOLES):
  result = photos.read_image(path)
  assert result.pixels.dtype == pixels.dtype
  expected = np.where(holes[..., None], ~pixels, pixels)
  np.testing.assert_array_equal(result.pixels, expected)
  return result


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
@pytest.mark.parametrize('channels', [1, 3])
def test_transparency_serves_as_the_mask_and_is_removed(
  source, output, capsys, dtype, channels
):
  top = np.iinfo(dtype).max
  alpha = np.where(HOLES, 0, top).astype(dtype)
  alpha[0] = 0.6 * top  # A soft edge counts as known.
  alpha[1, 2] = 0.4 * top
  pixels = RGB[..., :channels].astype(dtype) * (top // 255)
  save(source / 'a.png', pixels, alpha=alpha)
  assert apply(source, output) == (1, 0, 0)
  result = check(output / 'a.png', pixels)
  assert result.alpha is None
  out = capsys.readouterr().out
  kind = 'greyA' if channels == 1 else 'RGBA'
  bits = np.iinfo(dtype).bits
  assert f'5 x 6 {kind}, {bits} bit, 20.0% in holes -> ' in out


def test_with_one_mask_for_all_transparency_is_kept(source, masks, output):
  alpha = np.maximum(RGB[..., 0], 1)
  save(source / 'a.png', alpha=alpha)
  save(source / 'sub' / 'b.png')
  save_mask(masks / 'mask.png')
  assert apply(source, output, masks / 'mask.png') == (2, 0, 0)
  result = check(output / 'a.png')
  np.testing.assert_array_equal(result.alpha, alpha)
  check(output / 'sub' / 'b.png')


def test_masks_in_a_folder_are_found_in_any_format(source, masks, output):
  save(source / 'sub' / 'a.tif')
  save(source / 'b.png')
  save_mask(masks / 'sub' / 'a.png')
  save_mask(masks / 'b.png', ~HOLES)
  assert apply(source, output, masks) == (2, 0, 0)
  check(output / 'sub' / 'a.png')
  check(output / 'b.png', holes=~HOLES)


def test_a_single_picture_finds_its_mask_in_the_folder(source, masks, output):
  save(source / 'a.png')
  save_mask(masks / 'a.png')
  assert apply(source / 'a.png', output, masks) == (1, 0, 0)
  check(output / 'a.png')


def test_masks_need_not_be_exact(source, masks, output):
  """JPEG changes levels; colour, depth and transparency of masks vary."""
  holes = np.zeros((64, 48), bool)
  holes[20:40, 8:32] = True
  photo = np.full((64, 48, 3), 90, np.uint8)
  levels = np.where(holes, 255, 0).astype(np.uint8)
  masks.mkdir()
  Image.fromarray(levels).save(masks / 'a.jpg', quality=60)
  save(masks / 'b.tif', np.stack([levels * np.uint16(257)] * 3, axis=-1))
  save(masks / 'c.png', np.full((64, 48, 3), 255, np.uint8), alpha=levels)
  for name in 'abc':
    save(source / f'{name}.png', photo)
  assert apply(source, output, masks) == (3, 0, 0)
  for name in 'abc':
    check(output / f'{name}.png', photo, holes)


def test_each_bad_mask_is_reported_and_the_others_are_done(
  source, masks, output, capsys
):
  for name in 'abcdefg':
    save(source / f'{name}.png')
  save_mask(masks / 'a.png', np.ones((7, 5), bool))
  save_mask(masks / 'b.png')
  save_mask(masks / 'c.png', np.ones((6, 5), bool))
  masks.joinpath('d.png').write_bytes(b'')
  save_mask(masks / 'f.tif')
  save_mask(masks / 'f.webp')
  save_mask(masks / 'g.png', np.zeros((6, 5), bool))
  assert apply(source, output, masks) == (1, 0, 6)
  assert [path.name for path in output.iterdir()] == ['b.png']
  lines = capsys.readouterr().err.splitlines()
  assert lines == [
    f'error: {source}/a.png: its mask {masks}/a.png is 5 x 7 pixels, the '
    'picture 5 x 6; they must have the same size.',
    f'error: {source}/c.png: every pixel is a hole: leave some pixels known.',
    f'error: {source}/d.png: {masks}/d.png: the file is empty.',
    f'error: {source}/e.png: {masks} has no mask for it; the nearest names '
    'there: g.png, d.png, c.png.',
    f'error: {source}/f.png: {masks} has several masks for it: f.tif and '
    'f.webp. Keep one.',
    f'error: {source}/g.png: no pixel of its mask {masks}/g.png is white: '
    'paint the holes white.',
  ]


def test_a_mask_may_be_painted_in_a_colour(source, masks, output):
  save(source / 'a.png')
  red = np.where(HOLES[..., None], (255, 0, 0), 0).astype(np.uint8)
  save(masks / 'a.png', red)
  assert apply(source, output, masks) == (1, 0, 0)
  check(output / 'a.png')


def test_a_picture_without_a_transparent_pixel_is_an_error(
  source, output, capsys
):
  save(source / 'a.png', alpha=np.full((6, 5), 255, np.uint8))
  assert apply(source, output) == (0, 0, 1)
  assert 'no pixel of it is transparent' in capsys.readouterr().err


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_the_middle_of_a_wide_hole_gets_the_surrounding_colours(dtype):
  """Without this, the model would see only grey there."""
  scale = np.iinfo(dtype).max // 255
  left, right = np.full((2, 400, 350, 3), 200, dtype) * np.array(
    [[[[1]]], [[[0]]]], dtype
  )
  pixels = np.concatenate([left, right + 40], axis=1) * scale
  holes = np.zeros((400, 700), bool)
  holes[10:, 50:650] = True
  photo = photos.Photo(
    np.where(holes[..., None], dtype(7), pixels),
    alpha=np.where(holes, 0, 255 * scale).astype(dtype),
  )
  _, attached, share = holes_lib.attach(photo, None)
  assert share == pytest.approx(holes.mean())
  left_open = attached[..., 3] > 0
  filled = holes & ~left_open
  assert filled[200, 350] and not filled[200, 60] and not filled[20, 350]
  # The pixels that are left to the model are close to known pixels.
  assert left_open[:105, 50:650].sum() == 95 * 600
  colors = attached[filled][:, :3] / scale
  assert colors.min() >= 39 and colors.max() <= 201
  assert attached[300, 160, 0] > attached[300, 350, 0] > attached[300, 540, 0]
  np.testing.assert_array_equal(attached[~holes][:, :3], pixels[~holes])


def test_without_a_mask_the_error_says_how_to_give_one(source, output, capsys):
  save(source / 'a.png')
  assert apply(source, output) == (0, 0, 1)
  err = capsys.readouterr().err
  assert err.startswith(f'error: {source}/a.png: it has no transparency')
  assert '--mask=FILE_OR_FOLDER' in err and err.count('\n') == 1


def test_masks_among_the_inputs_are_not_restored(source, output):
  save(source / 'a.png')
  save_mask(source / 'masks' / 'a.png')
  assert apply(source, output, source / 'masks') == (1, 0, 0)
  check(output / 'a.png')
  assert not (output / 'masks').exists()


def test_a_mask_is_never_replaced(source, masks, capsys):
  save(source / 'a.png')
  save_mask(masks / 'a.png')
  before = (masks / 'a.png').read_bytes()
  assert apply(source, masks, masks, overwrite=True) == (0, 0, 1)
  assert (masks / 'a.png').read_bytes() == before
  assert 'never replaced' in capsys.readouterr().err


def test_wrong_mask_paths_are_refused(source, masks, output):
  save(source / 'a.png')
  save_mask(masks / 'a.png')
  with pytest.raises(ValueError, match='mask .*msks does not exist.*masks'):
    apply(source, output, masks.with_name('msks'))
  with pytest.raises(ValueError, match='mask .* is the input: give'):
    apply(source, output, source)
  assert not output.exists()


@pytest.mark.parametrize('folder', ['in', ''])
def test_a_mask_folder_that_contains_the_input_is_refused(
  source, output, folder
):
  save(source / 'a.png')
  with pytest.raises(ValueError, match='contains the input .*, which would be'):
    apply(source / 'a.png', output, source.parent / folder)
  if not folder:
    with pytest.raises(ValueError, match='folder of masks .* contains the inp'):
      apply(source, output, source.parent)


def test_beyond_all_reach_a_hole_gets_the_mean_colour():
  holes = np.ones((9000, 33), bool)
  holes[0] = False
  photo = photos.Photo(
    np.full((9000, 33, 1), 200, np.uint8),
    alpha=np.where(holes, 0, 255).astype(np.uint8),
  )
  _, attached, _ = holes_lib.attach(photo, None)
  assert (attached[200:, :, 1] == 0).all()
  np.testing.assert_allclose(attached[200:, :, 0].astype(int), 200, atol=1)


def test_a_hole_without_a_far_pixel_is_left_to_the_model():
  """It contains whole blocks, but no pixel is far from the known ones."""
  holes = np.zeros((300, 300), bool)
  holes[50:200, 60:210] = True
  photo = photos.Photo(
    np.zeros((300, 300, 3), np.uint8),
    alpha=np.where(holes, 0, 255).astype(np.uint8),
  )
  _, attached, _ = holes_lib.attach(photo, None)
  np.testing.assert_array_equal(attached[..., 3] > 0, holes)
