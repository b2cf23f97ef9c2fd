"""Output sizes and alignment of a transposed convolution, one axis at a time.

A transposed convolution *paints*: input element `i` adds `x[i] * kernel` to
the canvas at positions `i * stride` to `i * stride + extent - 1`, where
`extent = dilation * (kernel_size - 1) + 1`. With `n` inputs the canvas has
`(n - 1) * stride + extent` elements. Everything called padding is then only
the choice of a *window* of that canvas: where it starts and how long it is.

The window is named after the forward twin, the strided convolution whose
transpose we compute (Dumoulin and Visin, arXiv:1603.07285, relationships 8 to
14): padding `p` of the twin crops `p` painted elements. A twin with stride `s`
maps `s` neighbouring sizes to the same `n`, so the size of the transpose is
ambiguous, and `output_padding` or `output_shape` picks one of them.
"""

from collections.abc import Sequence
import operator
from typing import NamedTuple

Ints = int | Sequence[int]
Padding = str | int | Sequence[int | tuple[int, int]]


class Window(NamedTuple):
  """The part of one axis of the canvas that becomes output.

  Attributes:
    start: first canvas element kept; negative means zeros come before.
    length: elements kept; those beyond the canvas are zeros.
  """

  start: int
  length: int


def per_axis(value: Ints | None, rank: int, name: str) -> tuple[int, ...]:
  """Returns `value` as `rank` positive integers; `None` counts as 1."""
  value = 1 if value is None else value
  values = _items(value) if hasattr(value, '__iter__') else (value,) * rank
  try:
    values = tuple(map(operator.index, values))
  except TypeError:  # Fractions, or a name.
    values = ()
  if len(values) != rank or any(v < 1 for v in values):
    raise ValueError(
      f'{name} must be a positive integer or {rank} of them, one per spatial '
      f'axis of the kernel, got {value}.'
    )
  return values


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
  """Returns a padding name as it is, numbers as one pair per axis."""
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


def _items(value) -> tuple:
  """Returns what a sequence holds, nothing where it is none."""
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
  """Returns the window of the canvas to keep, one per spatial axis."""
  rank = len(kernel_size)
  kernel_size = per_axis(kernel_size, rank, 'kernel_size')
  if output_padding is not None and output_shape is not None:
    raise ValueError(
      'Give output_padding or output_shape, not both: '
      f'got {output_padding} and {output_shape}.'
    )
  if output_padding is None or isinstance(output_padding, int):
    output_padding = (output_padding,) * rank
  if output_shape is None or isinstance(output_shape, int):
    output_shape = (output_shape,) * rank
  wanted = tuple(output_shape)
  if len(output_padding) != rank or len(wanted) != rank:
    raise ValueError(
      f'output_padding and output_shape have one entry per spatial axis '
      f'({rank}), got {output_padding} and {output_shape}.'
    )
  padding = check_padding(padding, rank, convention)
  paddings = (padding,) * rank if isinstance(padding, str) else padding
  extents = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation)]
  if convention == 'flax' and not isinstance(padding, str):
    # Flax counts the zeros around the stride-dilated input, which is what the
    # twin's padding leaves of a full overlap.
    paddings = tuple(
      (e - 1 - low, e - 1 - high) for e, (low, high) in zip(extents, paddings)
    )
  result = []
  for axis, n in enumerate(sizes):
    extent, stride = extents[axis], strides[axis]
    crop = paddings[axis]
    smallest, default = _lengths(n, extent, stride, crop, convention)
    # The twin maps `stride` sizes to the same; PyTorch's own check of
    # output_padding is looser, and adds zeros beyond them.
    step = stride
    if convention == 'torch' and output_padding[axis] is not None:
      step = max(stride, dilation[axis])
    length = _pick(
      smallest,
      default,
      step,
      output_padding[axis],
      wanted[axis],
      f'axis {axis} ({n} elements, kernel {kernel_size[axis]}, stride {stride},'
      f' dilation {dilation[axis]}, padding {crop!r})',
    )
    if crop == 'CIRCULAR':
      if length != default:
        raise ValueError(
          f"padding 'CIRCULAR' makes {default} elements on axis {axis}, "
          f'{length} were asked for.'
        )
      # Which neighbour an even-sized kernel leans to, as in Flax.
      start = (max(extent - stride, 0) + transpose_kernel) // 2
    elif crop == 'SAME':
      start = max((n - 1) * stride + extent - length, 0) // 2
    else:
      start = 0 if isinstance(crop, str) else crop[0]
    result.append(Window(start, length))
  return tuple(result)


def check_padding(padding: Padding, rank: int, convention: str):
  """Returns canonical padding, or raises if the framework has no such one."""
  padding = canonical_padding(padding, rank)
  is_name = isinstance(padding, str)
  if convention == 'flax':
    if is_name and padding not in ('SAME', 'VALID', 'CIRCULAR', 'CAUSAL'):
      raise ValueError(
        "padding must be 'SAME', 'VALID', 'CIRCULAR', 'CAUSAL' or integers, "
        f'got {padding!r}.'
      )
    if padding == 'CAUSAL' and rank != 1:
      raise ValueError(f"padding 'CAUSAL' is for 1 spatial axis, got {rank}.")
  elif convention == 'keras':
    if not is_name or padding.upper() not in ('SAME', 'VALID'):
      raise ValueError(
        "padding_convention='keras' accepts padding 'same' or 'valid', "
        f'got {padding!r}.'
      )
    padding = padding.upper()
  elif convention == 'torch':
    if is_name or min(min(pair) for pair in padding) < 0:
      raise ValueError(
        "padding_convention='torch' accepts integers from 0 (PyTorch's own "
        f'default is 0), got {padding!r}.'
      )
  else:
    raise ValueError(
      "padding_convention must be 'flax', 'keras' or 'torch', "
      f'got {convention!r}.'
    )
  return padding


def _lengths(n: int, extent: int, stride: int, crop, convention: str):
  """Returns the smallest length the twin maps to `n`, and the default one."""
  painted = (n - 1) * stride
  if crop == 'VALID':
    return painted + extent, n * stride + max(extent - stride, 0)
  if isinstance(crop, str):
    # Keras counts `output_padding` from one less when the kernel is even.
    one = extent % 2 if convention == 'keras' else 1
    return painted + one, n * stride
  smallest = painted + extent - sum(crop)
  return smallest, smallest


def _pick(smallest, default, step, extra, wanted, where) -> int:
  """Returns the length asked for, or raises when the twin cannot have it."""
  length = default
  if extra is not None:
    length = smallest + extra
  elif wanted is not None:
    length = wanted
  largest = max(default, smallest + step - 1)
  smallest = max(smallest, 1)
  if not smallest <= length <= largest:
    possible = f'sizes from {smallest} to {largest} are possible'
    if largest < smallest:
      possible = 'the padding crops everything'
    raise ValueError(f'Impossible output size {length} on {where}: {possible}.')
  return length
