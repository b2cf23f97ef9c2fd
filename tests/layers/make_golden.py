"""Writes golden.npz: results of PyTorch, for machines without PyTorch.

python tests/layers/make_golden.py
"""

import pathlib

import numpy as np
import torch

# Spatial size, kernel, and PyTorch's keyword arguments.
CASES = (
  ((5,), (4,), dict(stride=2, padding=1)),
  ((4, 3), (3, 4), dict(stride=2, padding=1, output_padding=1)),
  ((4, 3), (5, 2), dict(stride=(3, 2), dilation=2, groups=2)),
  ((2, 3, 2), (3, 3, 3), dict(stride=2, padding=1, output_padding=1)),
)


def compute(case, x, kernel):
  """Returns PyTorch's result, channels last, for a `[..., F, C]` kernel."""
  _, size, arguments = case
  rank = len(size)
  f = getattr(torch.nn.functional, f'conv_transpose{rank}d')
  y = f(
    torch.from_numpy(np.moveaxis(x, -1, 1).copy()),
    torch.from_numpy(kernel.transpose(rank + 1, rank, *range(rank)).copy()),
    **arguments,
  )
  return np.moveaxis(y.numpy(), 1, -1)


def inputs(index, case):
  """Returns image and kernel: 4 channels to 2 features per group."""
  rng = np.random.default_rng(index)
  spatial, size, _ = case
  return (
    rng.normal(size=(2, *spatial, 4)).astype('float32'),
    rng.normal(size=(*size, 2, 4)).astype('float32'),
  )


def main():
  arrays = {
    str(i): compute(case, *inputs(i, case)) for i, case in enumerate(CASES)
  }
  np.savez_compressed(pathlib.Path(__file__).parent / 'golden.npz', **arrays)


if __name__ == '__main__':
  main()
