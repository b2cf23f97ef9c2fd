"""Settings of the processor and the compiler, made before JAX starts."""
