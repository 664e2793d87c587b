//! Takes orders over HTTP and decides their life.
