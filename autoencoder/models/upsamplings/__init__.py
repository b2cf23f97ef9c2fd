"""Kinds of upsampling of the decoder: one file each, found by the registry."""

from autoencoder.models.upsamplings.registry import Upsampling
from autoencoder.models.upsamplings.registry import find
from autoencoder.models.upsamplings.registry import names
from autoencoder.models.upsamplings.registry import register

__all__ = ['Upsampling', 'find', 'names', 'register']
