"""Plans at the thresholds of both backends."""

import jax
import jax.numpy as jnp
import pytest

from autoencoder.layers.lowerings import backend
from autoencoder.layers.lowerings import choose

EIGEN, YNNPACK, OTHER = choose.EIGEN, choose.YNNPACK, choose.OTHER
K2 = {'kernel_size': (2, 2), 'strides': (2, 2)}
K4 = {'kernel_size': (4, 4), 'strides': (2, 2)}
K5 = {'kernel_size': (5, 5), 'strides': (2, 2)}
K9 = {'kernel_size': (9, 9), 'strides': (4, 4)}


def _plan(library, images, sizes, small, large, transposed=False, **options):
  """Returns the plan for one device, by default of a 3x3 kernel, stride 1."""
  options = {
    'kernel_size': (3, 3),
    'strides': (1, 1),
    'dilation': (1, 1),
  } | options
  return choose.plan(
    choose.Shape(
      images, 1, sizes, small, large, transposed=transposed, **options
    ),
    library,
  )


def test_ynnpack():
  up = {'transposed': True}
  few_pixels = _plan(YNNPACK, 8, (4, 4), 512, 256, **K4, **up)
  assert few_pixels[:3] == ('per_phase', 'xla', 'im2col')
  assert _plan(YNNPACK, 32, (4, 4), 512, 256, **K4, **up)[2] == 'row_blocks'
  many_pixels = _plan(YNNPACK, 32, (32, 32), 32, 16, **K4, **up)
  assert many_pixels[:4] == ('polyphase', 'xla', 'row_blocks', 4)
  to_rgb = _plan(YNNPACK, 16, (32, 32), 32, 3, **K4, **up)
  assert to_rgb[:3] == ('polyphase', 'polyphase', 'row_blocks')
  patches = _plan(YNNPACK, 16, (32, 32), 64, 48, **K2, **up)
  assert patches[:3] == ('polyphase',) * 3
  strided = _plan(YNNPACK, 16, (32, 32), 64, 48, **K2)
  assert strided[:3] == ('xla', 'polyphase', 'im2col')
  assert _plan(YNNPACK, 16, (32, 32), 64, 12, **K2)[:3] == ('polyphase',) * 3
  assert _plan(YNNPACK, 16, (32, 32), 64, 13, **K2).forward == 'xla'
  # 1 MiB a block, no fewer than four rows in each.
  for images, size, channels, blocks in (
    (2, 8, 64, 1), (16, 64, 32, 8), (4, 45, 48, 2), (64, 16, 64, 4),
  ):  # fmt: skip
    plan = _plan(YNNPACK, images, (size, size), channels, channels)
    assert plan[2:4] == ('row_blocks' if images > 2 else 'im2col', blocks)
  assert _plan(YNNPACK, 16, (64, 64), 32, 3)[2] == 'row_blocks'
  assert _plan(YNNPACK, 16, (64, 64), 3, 32)[2] == 'operand_swap'


def test_eigen():
  large = _plan(EIGEN, 16, (64, 64), 32, 32)
  assert large[2:4] == ('row_blocks', 1)
  for size, features, forward in (
    (K9, 16, 'per_phase'), (K5, 16, 'per_phase'), (K5, 8, 'polyphase'),
    (K4, 32, 'polyphase'),
  ):  # fmt: skip
    plan = _plan(EIGEN, 8, (16, 16), 32, features, True, **size)
    assert plan.forward == forward
  for transposed in (False, True):
    for images, way in ((1, 'im2col'), (7, 'im2col'), (8, 'row_blocks')):
      plan = _plan(EIGEN, images, (64, 64), 32, 16, transposed, **K4)
      assert plan.weight_gradient == way
  for images, small, channels, way in (
    (1, 32, 32, 'padded_input'), (1, 3, 32, 'operand_swap'),
    (12, 32, 32, 'padded_input'), (16, 32, 32, 'row_blocks'),
    (16, 3, 32, 'operand_swap'), (16, 24, 32, 'row_blocks'),
  ):  # fmt: skip
    plan = _plan(EIGEN, images, (64, 64), small, channels)
    assert plan.weight_gradient == way
  # Few pixels or many kernel elements are no reason for im2col here.
  line = _plan(EIGEN, 1, (1, 200), 8, 8, kernel_size=(1, 40))
  assert line.weight_gradient == 'padded_input'


@pytest.mark.parametrize('transposed', [False, True])
@pytest.mark.parametrize(
  'kernel, stride, dilation, way',
  [(32, 1, 1, 'im2col'), (33, 1, 1, 'row_blocks'),
   (64, 2, 1, 'im2col_polyphase'), (65, 2, 1, 'row_blocks'),
   (32, 2, 2, 'im2col'), (33, 2, 2, 'row_blocks')],
)  # fmt: skip
def test_no_im2col_for_long_kernels(transposed, kernel, stride, dilation, way):
  plan = _plan(
    YNNPACK, 1, (1, 256), 8, 8, transposed, kernel_size=(1, kernel),
    strides=(1, stride), dilation=(1, dilation),
  )  # fmt: skip
  assert plan.weight_gradient == way


@pytest.mark.parametrize('library', [EIGEN, YNNPACK])
def test_winograd(library):
  def way(images, size, channels, exact=False, **options):
    return _plan(
      library, images, (size, size), channels, channels, exact=exact, **options
    )[:2]

  assert way(4, 64, 48) == ('winograd', 'winograd')
  direct = ('unit_stride', 'unit_stride')
  assert way(4, 64, 48, exact=True) == direct
  assert way(4, 64, 32) == direct  # The transforms cost more than they save.
  assert way(1, 8, 64) == direct
  assert way(4, 64, 48, kernel_size=(4, 4)) == direct


def test_few_channels():
  def few(size, channels, features, library=EIGEN):
    return choose.has_few_channels((*size, channels, features), library)

  assert few((3, 3), 32, 3) and few((3, 3), 3, 32)
  assert not few((3, 3), 32, 16) and not few((3, 3), 6, 32)
  assert not few((9, 9), 32, 3)  # An operation for each of 81.
  assert not few((1, 1), 32, 3)
  assert not few((3, 3), 32, 3, YNNPACK)


def test_other_platforms_leave_gradients_to_jax():
  strided = _plan(OTHER, 8, (16, 16), 48, 48, exact=False)
  assert strided[:3] == ('xla',) * 3
  assert _plan(OTHER, 8, (16, 16), 32, 16, True, **K4)[:3] == ('polyphase',) * 3
  dilated = _plan(OTHER, 8, (16, 16), 32, 16, True, dilation=(2, 2))
  assert dilated[:3] == ('zero_insertion',) * 3


def test_devices_that_share_a_batch(monkeypatch):
  seen = []

  def look(x):
    seen.append(backend.batch_devices(x))
    return x

  def last(*args):
    jax.eval_shape(*args)
    return seen[-1]

  x = jnp.zeros((128, 1))
  look(x)
  assert seen == [1]  # It lies on one device.
  mesh = jax.make_mesh(
    (jax.device_count(),), ('batch',), (jax.sharding.AxisType.Auto,)
  )
  each = jax.P('batch')
  look(jax.device_put(x, jax.NamedSharding(mesh, each)))
  assert seen[-1] == jax.device_count() == 8
  assert last(look, x) == 8  # A guess: under jit nothing is known.
  assert last(look, x[:12]) == 1
  shared = jax.shard_map(look, mesh=mesh, in_specs=each, out_specs=each)
  assert last(shared, x) == 1
  half = jax.make_mesh(
    (4,), ('batch',), (jax.sharding.AxisType.Auto,), devices=jax.devices()[:4]
  )
  with jax.set_mesh(half):
    assert last(look, x) == 4
