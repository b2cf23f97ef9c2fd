"""The processor and the compiler: set up before JAX starts."""
