"""Options of a deconvolutional network."""

import dataclasses

from autoencoder import errors
from autoencoder.config import options


@dataclasses.dataclass
class Options:
  """Layers of a deconvolutional network, the finest first, and its solver."""

  filters: tuple[int, ...] = options.option(
    (24, 32),
    help='Feature maps of each layer, the finest layer first.',
    role=options.TRAINING,
    low=1,
  )
  sizes: tuple[int, ...] = options.option(
    (9, 7),
    help="Side of each layer's filters, in elements of the maps below it.",
    role=options.TRAINING,
    low=2,
  )
  weights: tuple[float, ...] = options.option(
    (1.0, 8.0),
    help='Lambda of each layer, the weight of the squared error relative to '
    '|z|^p. A larger one reconstructs the image more exactly with more '
    'coefficients.',
    role=options.TRAINING,
    above=0,
  )
  power: float = options.option(
    1.0,
    help='The exponent p. 1 is convex and solved by FISTA. The paper uses 0.8, '
    'which needs continuation and is slower.',
    role=options.TRAINING,
    above=0,
    high=1,
  )
  connections: int = options.option(
    2,
    help='Maps of the layer below that each filter sees, from the second layer '
    "on, as in the paper's connectivity table; 0 is all of them.",
    role=options.TRAINING,
    low=0,
  )
  iterations: int = options.option(
    20,
    help='Largest number of FISTA steps for each layer during training. '
    'Learning filters needs fewer than measuring: the number of nonzeros is '
    'still too high after them.',
    role=options.TRAINING,
    low=1,
  )
  test_iterations: int = options.option(
    100,
    help='The same, outside training.',
    role=options.TRAINING,
    low=1,
  )
  contrast_floor: float = options.option(
    0.05,
    help='Smallest local standard deviation, for images in [0, 1], that '
    'contrast normalisation brings to 1.',
    role=options.TRAINING,
    above=0,
    below=1,
  )

  def validate(self) -> None:
    """Raises `UserError` that names the first option with a wrong value."""
    options.check(self, 'sparse.')
    layers = len(self.filters)
    if not layers == len(self.sizes) == len(self.weights) or layers == 0:
      raise errors.UserError(
        'sparse.filters, sparse.sizes and sparse.weights take one number for '
        f'each layer; got {self.filters}, {self.sizes} and {self.weights}.'
      )
    below = min(self.filters[:-1], default=self.connections)
    if self.connections > below:
      raise errors.UserError(
        f'sparse.connections takes 0 (all) to {below}, the maps in '
        f'the layer below; got {self.connections}.'
      )
