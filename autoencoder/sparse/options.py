"""What a deconvolutional network is made of."""

import dataclasses


@dataclasses.dataclass
class Options:
  """What a deconvolutional network is made of, finest layer first."""

  # Feature maps of each layer.
  filters: tuple[int, ...] = (24, 32)
  # Side of each layer's filters, in elements of the maps below it.
  sizes: tuple[int, ...] = (9, 7)
  # Lambda of each layer: what a squared error costs beside |z|^p. The larger,
  # the closer to the image and the more coefficients.
  weights: tuple[float, ...] = (1.0, 8.0)
  # p: 1 is convex (FISTA), the paper has 0.8 (continuation, slower).
  power: float = 1.0
  # Maps of the layer below that a filter sees, from the second layer on, as in
  # the paper's connectivity table; 0 is all of them.
  connections: int = 2
  # Steps of FISTA for each layer while training, at most. Filters need less
  # than numbers do: nonzeros are still too many.
  iterations: int = 20
  # The same for everything but training.
  test_iterations: int = 100
  # Least local deviation that is brought to 1, of [0, 1].
  contrast_floor: float = 0.05

  def validate(self) -> None:
    """Raises `ValueError` naming the first field with an impossible value."""
    layers = len(self.filters)
    if not layers == len(self.sizes) == len(self.weights) or layers == 0:
      raise ValueError(
        'sparse.filters, sparse.sizes and sparse.weights take one number for '
        f'each layer; got {self.filters}, {self.sizes} and {self.weights}.'
      )
    for name, least in (('filters', 1), ('sizes', 2)):
      if min(getattr(self, name)) < least:
        raise ValueError(
          f'sparse.{name} must be at least {least} each; got '
          f'{getattr(self, name)}.'
        )
    if not all(0 < weight < float('inf') for weight in self.weights):
      raise ValueError(
        'sparse.weights (lambda) must be above 0 and finite; got '
        f'{self.weights}.'
      )
    if not 0 < self.power <= 1:
      raise ValueError(
        f'sparse.power must be in (0, 1]; got {self.power}: 1 is convex, 0.8 '
        'the value of the paper.'
      )
    below = min(self.filters[:-1], default=self.connections)
    if not 0 <= self.connections <= below:
      raise ValueError(
        f'sparse.connections takes 0 (all) to {max(0, below)}, the maps in the '
        f'layer below; got {self.connections}.'
      )
    for name in ('iterations', 'test_iterations'):
      if getattr(self, name) < 1:
        raise ValueError(
          f'sparse.{name} must be at least 1; got {getattr(self, name)}.'
        )
    if not 0 < self.contrast_floor < 1:
      raise ValueError(
        'sparse.contrast_floor must be above 0 and below 1; got '
        f'{self.contrast_floor}.'
      )
