//! Runs of the whole stage on small synthetic blocks.

#![allow(clippy::unwrap_used)]

mod accumulation;
mod artifact;
mod continuing;
mod contrast;
mod feed;
mod masking;
mod reduction;
mod resume;
mod threads;
mod training;
mod visible;
