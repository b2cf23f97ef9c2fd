"""Everything that launch.py does, wherever the package is installed.

Use a model that comes with it on your own pictures:

  python -m autoencoder --mode=apply --workdir=pretrained:denoising \\
      --input=PHOTOS --output=RESTORED

Others are colourisation, inpainting, super_resolution, segmentation and
compression, which has --mode=compress and --mode=decompress. To train, write
or copy an experiment file and give it with --config=FILE.py.
"""

from absl import flags

from autoencoder.cli import flags as cli_flags

flags.adopt_module_key_flags(cli_flags)  # For --help.

if __name__ == '__main__':
  cli_flags.run()
