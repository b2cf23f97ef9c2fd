"""Trains, measures and uses convolutional autoencoders.

Train a model, measure it on held-out photos and write a report:

  python launch.py --config=experiments/denoising.py --workdir=runs/denoising

Measure it on your own pictures:

  python launch.py --mode=evaluate --workdir=runs/denoising --data=folder:PATH

Look inside it:

  python launch.py --mode=inspect --workdir=runs/denoising

Run it on your own pictures:

  python launch.py --mode=apply --workdir=runs/denoising --input=IN --output=OUT

Compress your pictures with a compression model, and get them back:

  python launch.py --mode=compress --workdir=RUN --input=PHOTOS --output=SMALL
  python launch.py --mode=decompress --workdir=RUN --input=SMALL --output=BACK
"""

from autoencoder.cli import flags as cli_flags

if __name__ == '__main__':
  cli_flags.run(__doc__)
