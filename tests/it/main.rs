//! One test binary: the list of suites.
