"""Equal ways to compute a convolution, and the choice between them."""
