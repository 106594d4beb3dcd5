//! Python bindings: the module `merkat._core`. Holds no logic, only conversions.

use pyo3::prelude::*;

/// The compiled core of merkat.
#[pymodule]
mod _core {
    use super::*;

    /// Adds the constants of the module.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
