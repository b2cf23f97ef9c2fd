"""Which library XLA's convolutions on CPU are computed by.

From jaxlib 0.10.2 on that is YNNPACK, unless a flag says otherwise; before, and
where it does, Eigen. YNNPACK is the faster one for few channels, on one core.
Eigen takes all cores that a device has, and half of the time or less for the
gradient with respect to a kernel. 4x90x120 48->48 3x3, jaxlib 0.10.2, on one
core of an AMD EPYC: 124 and 29 ms, in the 16 strips that help YNNPACK 49 ms;
jaxlib 0.12: 104 and 27. 8x64x64 32->32 forward on two: 7.7 and 4.6.
"""

import os

FLAG = '--xla_cpu_experimental_ynn_fusion_type'
EIGEN = f'{FLAG}=-individual_convolution'


def is_eigen() -> bool:
  """Returns whether XLA was told to leave convolutions to Eigen.

  NOTE: By the flag in XLA_FLAGS. Where it was set after JAX had started, XLA
  knows nothing of it: what is computed is right all the same, only slower.
  """
  given = [
    flag.partition('=')[2].lower().split(',')
    for flag in os.environ.get('XLA_FLAGS', '').split()
    if flag.startswith(FLAG + '=')
  ]
  if not given:
    return False
  kinds = [kind.removeprefix('library_fusion_type_') for kind in given[-1]]
  # Signs change the default, which has convolutions; a list replaces it.
  if any(kind.startswith(('+', '-')) for kind in kinds):
    return '-individual_convolution' in kinds
  return 'individual_convolution' not in kinds
