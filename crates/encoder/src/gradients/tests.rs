//! Guarantees for a custom operation whose backward pass adds to a sink.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Shape, bail};

use super::*;
use crate::Sink;

/// The sum of a block. Its gradient (1 everywhere) goes to the block's sink.
struct Sum {
    sink: Arc<Sink>,
    /// Whether the backward pass fails after it has added the gradient.
    fails: bool,
}

impl CustomOp1 for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (start, end) = layout.contiguous_offsets().unwrap();
        let sum = storage.as_slice::<f32>()?[start..end].iter().sum();
        Ok((CpuStorage::F32(vec![sum]), ().into()))
    }

    fn bwd(
        &self,
        _block: &Tensor,
        _result: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let gradient = gradient.to_scalar::<f32>()?;
        self.sink.with(|sums| {
            // A second use of the same buffer must fail, rather than succeed or wait.
            let error = self.sink.with(|_| ()).unwrap_err().to_string();
            assert!(error.contains("by another operation"), "{error}");
            sums.iter_mut().for_each(|sum| *sum += gradient);
        })?;
        if self.fails {
            bail!("as told");
        }
        Ok(None)
    }
}

fn block(name: &str) -> Block {
    let tensor = Tensor::ones(16, candle_core::DType::F32, &Device::Cpu).unwrap();
    Block::new(name, [(name, &tensor)]).unwrap()
}

fn sum(block: &Block, fails: bool) -> Tensor {
    let sink = Arc::clone(block.sink());
    block.flat(true).apply_op1(Sum { sink, fails }).unwrap()
}

fn message<T: std::fmt::Debug>(result: Result<T, EncoderError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn passes_add_and_collecting_anew_forgets() {
    let (one, other) = (block("one"), block("other"));
    let parameters = Parameters::of([one.clone(), other]).unwrap();
    let mut gradients = Gradients::zeros(&parameters);
    assert!(gradients.get("one").is_none());
    let loss = sum(&one, false);
    gradients.replace(&loss).unwrap();
    assert_eq!(gradients.get("one").unwrap(), [1.0; 16]);
    assert_eq!(gradients.norm(), 4.0);
    let mut collecting = gradients.collect();
    collecting.add(&loss).unwrap();
    collecting.add(&(loss * 2.0).unwrap()).unwrap();
    drop(collecting);
    assert_eq!(gradients.get("one").unwrap(), [3.0; 16]);
    assert_eq!(
        message(audit(&parameters, &gradients)),
        "parameter `other` receives no gradient"
    );
    drop(gradients.collect());
    assert!(gradients.get("one").is_none());
    assert_eq!(gradients.norm(), 0.0);
}

#[test]
fn what_candle_returns_and_what_sinks_take_is_one_sum() {
    let one = block("one");
    let mut gradients = Gradients::zeros(&Parameters::of([one.clone()]).unwrap());
    let loss = (sum(&one, false) + one.flat(true).sum_all().unwrap() * 4.0).unwrap();
    gradients.replace(&loss).unwrap();
    assert_eq!(gradients.get("one").unwrap(), [5.0; 16]);
}

#[test]
fn scaling_and_clipping_are_seen_where_gradients_are_read() {
    let one = block("one");
    let mut gradients = Gradients::zeros(&Parameters::of([one.clone()]).unwrap());
    gradients.replace(&sum(&one, false)).unwrap();
    gradients.scale(-8.0);
    assert_eq!(gradients.clip(4.0), 32.0);
    assert_eq!(gradients.get("one").unwrap(), [-1.0; 16]);
    gradients.replace(&sum(&one, false)).unwrap();
    assert_eq!(gradients.get("one").unwrap(), [1.0; 16]);
}

#[test]
fn without_a_loan_the_backward_pass_fails() {
    let (one, other) = (block("one"), block("other"));
    let error = sum(&one, false).backward().unwrap_err().to_string();
    assert!(error.contains("block `one` has no buffer"), "{error}");
    assert!(error.contains("not with Tensor::backward alone"), "{error}");
    // There is no buffer either while the gradients of other parameters are collected.
    let mut gradients = Gradients::zeros(&Parameters::of([other]).unwrap());
    let error = message(gradients.replace(&sum(&one, false)));
    assert!(error.contains("block `one` has no buffer"), "{error}");
}

#[test]
fn a_failed_backward_pass_gives_the_buffers_back() {
    let one = block("one");
    let mut gradients = Gradients::zeros(&Parameters::of([one.clone()]).unwrap());
    assert!(message(gradients.replace(&sum(&one, true))).contains("as told"));
    assert_eq!(gradients.get("one").unwrap(), [1.0; 16]);
    gradients.replace(&sum(&one, false)).unwrap();
    assert_eq!(gradients.get("one").unwrap(), [1.0; 16]);
    assert!(one.sink().with(|_| ()).is_err());
}

#[test]
fn a_sink_has_one_loan_at_a_time() {
    let (one, other) = (block("one"), block("other"));
    let mut buffer = Buffer {
        values: vec![7.0; 16],
        ..Buffer::default()
    };
    let loan = Loan::of([(&**one.sink(), &mut buffer)].into_iter()).unwrap();
    let parameters = Parameters::of([other.clone(), one.clone()]).unwrap();
    let mut gradients = Gradients::zeros(&parameters);
    let error = message(gradients.replace(&sum(&other, false)));
    assert!(
        error.contains("block `one` is in another backward pass"),
        "{error}"
    );
    // The buffer of the block before it was lent and given back, and the first loan is unchanged.
    assert!(other.sink().with(|_| ()).is_err());
    assert!(gradients.get("other").is_none());
    assert_eq!(one.sink().with(|values| values[0]).unwrap(), 7.0);
    drop(loan);
    assert!(buffer.touched && buffer.values == [7.0; 16]);
    gradients.replace(&sum(&other, false)).unwrap();
    assert_eq!(gradients.get("other").unwrap(), [1.0; 16]);
}
