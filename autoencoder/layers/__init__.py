"""Convolution layers, faster on CPU and tested against other frameworks."""

from autoencoder.layers.conv import Conv
from autoencoder.layers.conv import conv_general_dilated
from autoencoder.layers.gdn import GDN
from autoencoder.layers.initializers import equal_phases
from autoencoder.layers.initializers import icnr
from autoencoder.layers.initializers import transposed_kernel_init
from autoencoder.layers.pooling import MaxPool
from autoencoder.layers.pooling import MaxUnpool
from autoencoder.layers.resample import ResizeConv
from autoencoder.layers.resample import SubpixelConv
from autoencoder.layers.resample import upsample
from autoencoder.layers.transpose import conv_transpose
from autoencoder.layers.transpose import conv_transpose_shape
from autoencoder.layers.transpose_layer import ConvTranspose

__all__ = (
  'Conv',
  'ConvTranspose',
  'GDN',
  'MaxPool',
  'MaxUnpool',
  'ResizeConv',
  'SubpixelConv',
  'conv_general_dilated',
  'conv_transpose',
  'conv_transpose_shape',
  'equal_phases',
  'icnr',
  'transposed_kernel_init',
  'upsample',
)
