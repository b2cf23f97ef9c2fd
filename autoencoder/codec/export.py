"""From a trained model to the integers that its files are coded with."""

from collections.abc import Sequence

import numpy as np

from autoencoder.codec import integer
from autoencoder.codec import latents
from autoencoder.codec import tables as tables_lib
from autoencoder.models import entropy
from autoencoder.models import protocol


def make_latent_code(
  prior: entropy.FactorizedPrior,
  gains: np.ndarray,
  layers: Sequence[protocol.PlainLayer] | None = None,
) -> latents.LatentCode:
  """Rounds the entropy model of a trained model to integers.

  NOTE: Do this once, when a model is exported, and keep the result. Another
  machine may round differently.

  Args:
    prior: the prior of z, or of y if there are no `layers`. A prior of y is a
      density over y itself, whose step is `1 / gain`.
    gains: `[Q, C]`, steps per unit of y, for each quality.
    layers: the hyper-synthesis; None for a model without side information. Its
      outputs are the C means of y and then the C natural logarithms of the
      standard deviations, both in units of y.

  Returns:
    The `latents.LatentCode`.

  Raises:
    ValueError: the weights cannot be evaluated exactly.

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
  kernel = np.array(last.kernel, np.float64)
  bias = np.array(last.bias, np.float64)
  # The tables are equally spaced in the logarithm of the standard deviation:
  # turn the logarithm into a table index.
  kernel[..., channels:] /= tables_lib.LOG_STEP
  bias[channels:] -= np.log(tables_lib.SCALES[0])
  bias[channels:] /= tables_lib.LOG_STEP
  last = last._replace(kernel=kernel, bias=bias)
  places = np.log(gains.astype(np.float64)) / tables_lib.LOG_STEP
  return latents.LatentCode(
    gains,
    tables_lib.prior_tables(prior),
    integer.IntegerNetwork.from_layers([*layers, last]),
    tables_lib.gaussian_tables(),
    np.rint(places * 2**integer.ACTIVATION_BITS).astype(np.int32),
  )
