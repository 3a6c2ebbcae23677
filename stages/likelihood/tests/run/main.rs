//! Whole stages on a tiny model. `tests/goldens/make.py` made its folder and the goldens.

#![allow(clippy::unwrap_used)]

mod common;
mod effective_rank;
mod minimal_pairs;
mod validation_loss;
