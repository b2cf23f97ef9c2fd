r"""Trained models that come with the package.

    python launch.py --mode=apply --workdir=pretrained:denoising \
        --input=PHOTOS --output=RESTORED

Each model is a folder like that of a run: `config.json`, `experiment.py`, the
weights in one file instead of checkpoints, and a card with the training recipe,
the data and the numbers.
"""

from autoencoder.runs.packaged import CARD_FILE
from autoencoder.runs.packaged import PREFIX
from autoencoder.runs.packaged import WEIGHTS_FILE
from autoencoder.runs.packaged import is_pretrained
from autoencoder.runs.packaged import names
from autoencoder.runs.packaged import resolve

__all__ = [
  'CARD_FILE',
  'PREFIX',
  'WEIGHTS_FILE',
  'is_pretrained',
  'names',
  'resolve',
]
