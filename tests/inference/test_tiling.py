"""Tiles cover the image once, each pixel far from every artificial cut."""

import numpy as np
import pytest

from autoencoder.inference import tiling

SIZES = [(1, 1), (1, 400), (63, 64), (65, 64), (97, 301), (256, 129)]
NETWORKS = [(1, 0), (1, 3), (4, 5), (8, 16), (8, 21)]  # Stride, radius.


def box_sum(image, radius):
  """Sums the square around each pixel, with zero padding."""
  padded = np.pad(image, ((radius, radius),) * 2)
  size = 2 * radius + 1
  windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
  return windows.sum((2, 3))


def tile_network(image, stride, radius):
  """Depends on the stride's phase, the neighbourhood and the border padding."""
  height, width = image.shape[:2]
  padding = ((0, -height % stride), (0, -width % stride))
  padded = np.pad(image[..., 0], padding, mode='symmetric')
  phase = np.add.outer(
    np.arange(padded.shape[0]) % stride, np.arange(padded.shape[1]) % stride
  )
  return (box_sum(padded, radius) * (1 + phase))[:height, :width, None]


@pytest.mark.parametrize('stride, radius', NETWORKS)
@pytest.mark.parametrize('tile', [1, 64, 100])
@pytest.mark.parametrize('height, width', SIZES)
def test_windows_cover_the_image_away_from_cuts(
  height, width, tile, stride, radius
):
  tiles = tiling.plan_tiles(
    height, width, tile=tile, stride=stride, radius=radius
  )
  covered = np.zeros((height, width), int)
  for window, output, inner in tiles:
    covered[output] += 1
    for axis, size in enumerate((height, width)):
      start, stop = window[axis].start, window[axis].stop
      assert start >= 0 and stop <= size
      assert start % stride == 0
      assert (stop - start) % stride == size % stride or stop - start == size
      assert start == 0 or output[axis].start - start >= radius
      assert stop == size or stop - output[axis].stop >= radius
      assert inner[axis].start == output[axis].start - start
      assert inner[axis].stop == output[axis].stop - start
  assert (covered == 1).all()
  shapes = {tuple(side.stop - side.start for side in t.window) for t in tiles}
  assert len(shapes) == 1
  # Windows are at most as long as `tile`, unless the halo needs more.
  halo = -(-radius // stride) * stride
  assert max(shapes.pop()) <= max(tile, 4 * halo, 2 * stride)
  assert len(tiles) == 1 or max(height, width) > tile


@pytest.mark.parametrize('stride, radius', NETWORKS)
@pytest.mark.parametrize('height, width', SIZES)
def test_tiled_equals_whole_up_to_the_border(height, width, stride, radius):
  image = np.random.default_rng(1).integers(0, 100, (height, width, 1))
  tiles = tiling.plan_tiles(
    height, width, tile=64, stride=stride, radius=radius
  )
  tiled = tiling.assemble(
    lambda window: tile_network(window, stride, radius), image, tiles
  )
  np.testing.assert_array_equal(tiled, tile_network(image, stride, radius))


@pytest.mark.parametrize('stride, radius', [(4, 1), (8, 15)])
def test_a_radius_too_small_leaves_a_seam(stride, radius):
  image = np.random.default_rng(1).integers(1, 100, (200, 190, 1))
  tiles = tiling.plan_tiles(200, 190, tile=64, stride=stride, radius=0)
  tiled = tiling.assemble(
    lambda window: tile_network(window, stride, radius), image, tiles
  )
  assert (tiled != tile_network(image, stride, radius)).any()


@pytest.mark.parametrize('scale', [2, 3])
def test_enlarging_networks(scale):
  image = np.random.default_rng(2).integers(0, 100, (150, 83, 1))

  def enlarge(window):
    sums = box_sum(window[..., 0], 5)[..., None]
    return sums.repeat(scale, 0).repeat(scale, 1)

  tiles = tiling.plan_tiles(150, 83, tile=32, stride=4, radius=5)
  assert len(tiles) > 4
  tiled = tiling.assemble(enlarge, image, tiles)
  np.testing.assert_array_equal(tiled, enlarge(image))


@pytest.mark.parametrize('shape', [(4, 6), (8, 3), (9, 9)])
def test_unequal_or_broken_enlargement_is_refused(shape):
  tiles = tiling.plan_tiles(4, 4, tile=32, stride=1, radius=0)
  with pytest.raises(ValueError, match=r'same multiple .*\(4, 4\)'):
    tiling.assemble(
      lambda window: np.zeros((*shape, 1)), np.zeros((4, 4, 1)), tiles
    )


def test_progress_counts_tiles():
  tiles = tiling.plan_tiles(100, 40, tile=32, stride=4, radius=4)
  calls = []
  tiling.assemble(
    lambda window: window,
    np.zeros((100, 40, 1)),
    tiles,
    lambda done, total: calls.append((done, total)),
  )
  assert calls == [(i + 1, len(tiles)) for i in range(len(tiles))]


def test_tiles_overlap_little():
  """A photo just over the tile size does not cost four full tiles."""
  tiles = tiling.plan_tiles(1100, 1100, tile=1024, stride=8, radius=98)
  window = tiles[0].window[0]
  assert len(tiles) == 4
  assert window.stop - window.start <= (1100 + 2 * 104) / 2 + 8


@pytest.mark.parametrize(
  'height, width, tile', [(0, 4, 8), (4, 0, 8), (4, 4, 0)]
)
def test_empty_images_and_tiles_are_refused(height, width, tile):
  with pytest.raises(ValueError, match='pixel'):
    tiling.plan_tiles(height, width, tile=tile, stride=8, radius=4)


@pytest.mark.parametrize('height, width', [(1, 1), (5, 3), (90, 41), (64, 200)])
def test_a_border_shows_the_mirrored_image_and_changes_no_size(height, width):
  """Windows are parts of the image mirrored by 16 pixels at each border."""
  image = np.random.default_rng(0).random((height, width, 1))
  padded = np.pad(image, [(16, 16), (16, 16), (0, 0)], mode='symmetric')
  tiles = tiling.plan_tiles(
    height, width, tile=32, stride=4, radius=5, border=16
  )
  for window, _, _ in tiles:
    rows, columns = (slice(s.start + 16, s.stop + 16) for s in window)
    seen = []
    tiling.assemble(
      lambda pixels, seen=seen: seen.append(pixels) or pixels,
      image,
      [t for t in tiles if t.window == window],
    )
    np.testing.assert_array_equal(seen[0], padded[rows, columns])
  result = tiling.assemble(lambda pixels: pixels, image, tiles)
  np.testing.assert_array_equal(result, image)
