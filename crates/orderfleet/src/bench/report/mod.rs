//! The report as one HTML file: plots, tables, machine and command. It needs nothing else, and no network.

mod page;
mod plot;
mod tables;

#[cfg(test)]
mod tests;

pub(crate) use page::render;
