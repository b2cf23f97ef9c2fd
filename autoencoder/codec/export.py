"""From a trained model to the integers that its files are coded with."""

from collections.abc import Sequence

import numpy as np

from autoencoder.codec import integer
from autoencoder.codec import latents
from autoencoder.codec import tables as tables_lib
from autoencoder.models import entropy


def make_latent_code(
  prior: entropy.FactorizedPrior,
  gains: np.ndarray,
  layers: Sequence[integer.Layer] | None = None,
) -> latents.LatentCode:
  """Makes the integers of a trained model; done once, when it is exported.

  Args:
    prior: of z, or of y where there are no layers. That of y is a density over
      y itself, of which a step is `1 / gain`.
    gains: `[Q, C]`, steps per unit of y.
    layers: of the hyper-synthesis. Its outputs are the means of y, then as many
      natural logarithms of standard deviations, both in units of y.

  Returns:
    The `latents.LatentCode`.

  Raises:
    ValueError: weights that cannot be evaluated exactly.

  Example:

    >>> from flax import nnx
    >>> prior = entropy.FactorizedPrior(4, rngs=nnx.Rngs(0))
    >>> code = make_latent_code(prior, np.ones((2, 4)))
    >>> y = np.linspace(-9, 9, 24).reshape(3, 2, 4)
    >>> streams, rounded = code.encode(y, None, quality=1)
    >>> bool((rounded == np.round(y)).all())
    True
  """
  gains = np.asarray(gains, np.float32)
  if layers is None:
    return latents.LatentCode(
      gains, tables_lib.prior_tables(prior, 1 / gains.astype(np.float64))
    )
  *layers, last = layers
  channels = gains.shape[1]
  kernel = np.array(last[0], np.float64)
  bias = np.array(last[1], np.float64)
  # From a logarithm to a place among the tables, which are equally far apart.
  kernel[..., channels:] /= tables_lib.LOG_STEP
  bias[channels:] -= np.log(tables_lib.SCALES[0])
  bias[channels:] /= tables_lib.LOG_STEP
  last = integer.Layer(kernel, bias, *last[2:])
  places = np.log(gains.astype(np.float64)) / tables_lib.LOG_STEP
  return latents.LatentCode(
    gains,
    tables_lib.prior_tables(prior),
    integer.IntegerNetwork.from_layers([*layers, last]),
    tables_lib.gaussian_tables(),
    np.rint(places * 2**integer.ACTIVATION_BITS).astype(np.int32),
  )
