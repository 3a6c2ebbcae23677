//! Tests of the readers on small and on real files.

#![allow(clippy::unwrap_used)]

mod bad_input;
mod common;
mod layouts;
mod minimal_pairs;
mod questions;
mod real_data;
mod server;
mod transfer;
