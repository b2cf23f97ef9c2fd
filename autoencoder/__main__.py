r"""The same command as `python launch.py`, wherever the package is installed.

Run a model that comes with the package on your own pictures:

  python -m autoencoder --mode=apply --workdir=pretrained:denoising \
      --input=PHOTOS --output=RESTORED

Other models are colourisation, inpainting, super_resolution, segmentation and
compression, which has --mode=compress and --mode=decompress. To train, write
or copy an experiment file and pass it with --config=FILE.py.
"""

from autoencoder.cli import flags as cli_flags

if __name__ == '__main__':
  cli_flags.run(__doc__)
