"""Output sizes and alignment of a transposed convolution, one axis at a time.

Input element `i` adds `x[i] * kernel` to a *canvas* at positions `i * stride`
to `i * stride + extent - 1`, where `extent = dilation * (kernel_size - 1) + 1`.
With `n` inputs the canvas has `(n - 1) * stride + extent` elements. All kinds
of padding only choose a *window* of the canvas: its start and its length.

A transposed convolution is the transpose of a *forward convolution*: the
strided convolution with the same arguments (Dumoulin and Visin,
arXiv:1603.07285, relationships 8 to 14). Padding `p` of the forward convolution
crops `p` elements of the canvas. With stride `s` it maps `s` neighbouring sizes
to the same `n`, so that the size of the transpose is ambiguous;
`output_padding` or `output_shape` selects one.
"""

from collections.abc import Sequence
import numbers
import operator
from typing import Any
from typing import NamedTuple

Ints = int | Sequence[int]
Padding = str | int | Sequence[int | tuple[int, int]]


class Window(NamedTuple):
  """The part of one axis of the canvas that becomes the output.

  Attributes:
    start: first canvas element of the window; if negative, zeros come first.
    length: number of elements; those beyond the canvas are zeros.
  """

  start: int
  length: int


def per_axis(value: Ints | None, rank: int, name: str) -> tuple[int, ...]:
  """Returns `value` as `rank` positive integers; `None` counts as 1."""
  value = 1 if value is None else value
  values = _items(value) if hasattr(value, '__iter__') else (value,) * rank
  try:
    integers = tuple(map(operator.index, values))
  except TypeError:  # Fractions, or a name.
    integers = ()
  if len(integers) != rank or any(v < 1 for v in integers):
    raise ValueError(
      f'{name} must be a positive integer or {rank} of them, one per spatial '
      f'axis of the kernel, got {value}.'
    )
  return integers


def check_groups(in_features: int, out_features: int, groups: int) -> None:
  """Raises `ValueError` unless the groups split both numbers of features."""
  if groups < 1 or in_features % groups or out_features % groups:
    raise ValueError(
      f'in_features={in_features} and out_features={out_features} must be '
      f'multiples of feature_group_count={groups}.'
    )


def canonical_padding(
  padding: Padding, rank: int
) -> str | tuple[tuple[int, int], ...]:
  """Returns a padding name unchanged, numbers as one pair per axis."""
  if isinstance(padding, str):
    return padding
  entries = (padding,) * rank if isinstance(padding, int) else padding
  pairs = tuple((p, p) if isinstance(p, int) else p for p in _items(entries))
  pairs = tuple(map(_items, pairs))
  if len(pairs) != rank or any(len(p) != 2 for p in pairs):
    raise ValueError(
      f'padding must be a name, an integer or {rank} integers or (low, high) '
      f'pairs, one per spatial axis, got {padding}.'
    )
  return pairs


def _items(value: Any) -> tuple[Any, ...]:
  """Returns a sequence as a tuple, and an empty one for anything else."""
  return tuple(value) if hasattr(value, '__iter__') else ()


def windows(
  sizes: Sequence[int],
  kernel_size: Sequence[int],
  strides: Sequence[int],
  dilation: Sequence[int],
  padding: Padding,
  *,
  output_padding: Ints | None = None,
  output_shape: Ints | None = None,
  convention: str = 'flax',
  transpose_kernel: bool = False,
) -> tuple[Window, ...]:
  """Returns the window of the canvas, one per spatial axis.

  Arguments and errors are those of `transpose.conv_transpose_shape`;
  `transpose_kernel` says whether the kernel is that of the forward convolution.
  """
  rank = len(kernel_size)
  kernel_size = per_axis(kernel_size, rank, 'kernel_size')
  if output_padding is not None and output_shape is not None:
    raise ValueError(
      'Give output_padding or output_shape, not both: '
      f'got {output_padding} and {output_shape}.'
    )
  extra, wanted = (
    (option,) * rank
    if option is None or isinstance(option, int)
    else tuple(option)
    for option in (output_padding, output_shape)
  )
  if len(extra) != rank or len(wanted) != rank:
    raise ValueError(
      f'output_padding and output_shape need one entry per spatial axis '
      f'({rank}), got {output_padding} and {output_shape}.'
    )
  padding = check_padding(padding, rank, convention)
  result = []
  for axis, (n, k, stride, spacing) in enumerate(
    zip(sizes, kernel_size, strides, dilation)
  ):
    extent = (k - 1) * spacing + 1
    crop: str | tuple[int, int]
    if isinstance(padding, str):
      crop = padding
    else:
      low, high = padding[axis]
      # Flax counts the zeros around the stride-dilated input: the reach of the
      # kernel less the padding of the forward convolution.
      flax = convention == 'flax'
      crop = (extent - 1 - low, extent - 1 - high) if flax else (low, high)
    smallest, default = _lengths(n, extent, stride, crop, convention)
    # The forward convolution maps `stride` sizes to the same; PyTorch's check
    # of output_padding is looser, and adds zeros beyond them.
    step = stride
    if convention == 'torch' and extra[axis] is not None:
      step = max(stride, spacing)
    where = (
      f'axis {axis} ({n} elements, kernel {k}, stride {stride}, dilation '
      f'{spacing}, padding {crop!r})'
    )
    length = _pick(n, smallest, default, step, extra[axis], wanted[axis], where)
    if crop == 'CIRCULAR':
      if length != default:
        raise ValueError(
          f"padding 'CIRCULAR' makes {default} elements on axis {axis}, "
          f'got a request for {length}.'
        )
      # Flax decides to which neighbour an even-sized kernel leans.
      start = (max(extent - stride, 0) + transpose_kernel) // 2
    elif crop == 'SAME':
      start = max((n - 1) * stride + extent - length, 0) // 2
    else:
      start = 0 if isinstance(crop, str) else crop[0]
    result.append(Window(start, length))
  return tuple(result)


def check_padding(
  padding: Padding, rank: int, convention: str
) -> str | tuple[tuple[int, int], ...]:
  """Returns canonical padding, or raises if the convention has no such one."""
  pairs = canonical_padding(padding, rank)
  if convention == 'flax':
    names = 'SAME', 'VALID', 'CIRCULAR', 'CAUSAL'
    if isinstance(pairs, str) and pairs not in names:
      raise ValueError(
        "padding must be 'SAME', 'VALID', 'CIRCULAR', 'CAUSAL' or integers, "
        f'got {padding!r}.'
      )
    if pairs == 'CAUSAL' and rank != 1:
      raise ValueError(f"padding 'CAUSAL' is for 1 spatial axis, got {rank}.")
  elif convention == 'keras':
    if not isinstance(pairs, str) or pairs.upper() not in ('SAME', 'VALID'):
      raise ValueError(
        "padding_convention='keras' accepts padding 'same' or 'valid', "
        f'got {pairs!r}.'
      )
    return pairs.upper()
  elif convention == 'torch':
    if isinstance(pairs, str) or min(map(min, pairs)) < 0:
      raise ValueError(
        "padding_convention='torch' accepts integers from 0 (PyTorch's "
        f'default is 0), got {pairs!r}.'
      )
  else:
    raise ValueError(
      "padding_convention must be 'flax', 'keras' or 'torch', "
      f'got {convention!r}.'
    )
  return pairs


def _lengths(n: int, extent: int, stride: int, crop, convention: str):
  """Returns the smallest length that belongs to `n`, and the default one."""
  last = (n - 1) * stride  # Where the last input starts.
  if isinstance(n, numbers.Integral) and n == 0:
    last = -1  # As in Flax, which dilates nothing to nothing.
  full = last + stride
  if crop == 'VALID':
    return last + extent, full + max(extent - stride, 0)
  if isinstance(crop, str):
    # Keras counts `output_padding` from one less when the kernel is even.
    one = extent % 2 if convention == 'keras' else 1
    return last + one, full
  smallest = last + extent - sum(crop)
  return smallest, smallest


def _pick(n, smallest, default, step, extra, wanted, where) -> int:
  """Returns the length asked for, or raises if it does not belong to `n`."""
  length = default
  if extra is not None:
    length = smallest + extra
  elif wanted is not None:
    length = wanted
  if not isinstance(smallest, numbers.Integral):
    return length  # A size that is left open (`jax.export`).
  largest = max(default, smallest + step - 1)
  smallest = max(smallest, min(n, 1))
  if not smallest <= length <= largest:
    possible = f'sizes from {smallest} to {largest} are possible'
    if largest < smallest:
      possible = 'the padding crops everything'
    raise ValueError(f'Impossible output size {length} on {where}: {possible}.')
  return length
