//! Floating-point kernels.
