"""Pure functions of images as arrays, computed on the device."""
