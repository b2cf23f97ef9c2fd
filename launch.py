"""Trains, measures and uses convolutional autoencoders.

Train, then measure on held-out photos and write a report:

  python launch.py --config=experiments/denoising.py --workdir=runs/denoising

Measure a trained model on your own pictures:

  python launch.py --mode=evaluate --workdir=runs/denoising --data=folder:PATH

See what its channels answer to, how far they see and what its latent holds:

  python launch.py --mode=inspect --workdir=runs/denoising

Use it on your own pictures:

  python launch.py --mode=apply --workdir=runs/denoising --input=IN --output=OUT

Make your pictures small files with a model that compresses, and get them back:

  python launch.py --mode=compress --workdir=RUN --input=PHOTOS --output=SMALL
  python launch.py --mode=decompress --workdir=RUN --input=SMALL --output=BACK

Every option of an experiment is a flag as well, such as
--config.train.steps=5000, --config.model.widths=32,64 or
--config.parallel=pmap; autoencoder/config.py explains them all, and what
follows a colon names a variant: --config=experiments/denoising.py:blind.
"""

from absl import flags

from autoencoder.cli import flags as cli_flags

flags.adopt_module_key_flags(cli_flags)  # For --help.

if __name__ == '__main__':
  cli_flags.run()
