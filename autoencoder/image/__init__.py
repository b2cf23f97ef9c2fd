"""Arrays in, arrays out: what is computed of images, on the device."""
