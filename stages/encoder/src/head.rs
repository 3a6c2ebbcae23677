//! Heads for whole sequences.

use candle_core::Tensor;

use crate::dropout::{Dropout, Site};
use crate::names::{Specification, Start};
use crate::ops::Ops;
use crate::{Batch, Config, EncoderError, Mode, Parameters, Result};

/// RoBERTa's classification head on each sequence's first token: dropout, dense, tanh, dropout, output map (Liu et al.
/// 2019; `RobertaClassificationHead` in Hugging Face's and fairseq's code).
#[derive(Clone, Debug)]
pub struct ClassificationHead {
    parameters: Parameters,
    width: usize,
    probability: f64,
}

impl ClassificationHead {
    /// A new head with `labels` outputs (1 for regression), its weights decided by `seed`. They are called
    /// `classifier.dense.*` and `classifier.out_proj.*`, as in Hugging Face's `…ForSequenceClassification`.
    ///
    /// # Errors
    /// When `labels` is 0.
    pub fn new(config: &Config, labels: usize, seed: u64) -> Result<Self> {
        if labels == 0 {
            return Err(EncoderError::invalid(
                "labels",
                "0 labels",
                "give at least 1",
            ));
        }
        let width = config.hidden_size;
        let specification = |name: &str, shape: &[usize], start| Specification {
            name: name.into(),
            shape: shape.to_vec(),
            start,
            head: true,
        };
        let specifications = [
            specification("classifier.dense.weight", &[width, width], Start::Random),
            specification("classifier.dense.bias", &[width], Start::Zero),
            specification(
                "classifier.out_proj.weight",
                &[labels, width],
                Start::Random,
            ),
            specification("classifier.out_proj.bias", &[labels], Start::Zero),
        ];
        Ok(Self {
            parameters: Parameters::start(&specifications, config.initializer_range, seed)?,
            width,
            probability: config
                .classifier_dropout
                .unwrap_or(config.hidden_dropout_prob),
        })
    }

    /// Returns the parameters.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns scores, `[sequences, labels]`, in the order in which the sequences were given to [`Batch::pack`], from
    /// the batch's last hidden states, `[tokens, hidden size]`.
    ///
    /// # Errors
    /// When the hidden states are not those of the batch.
    pub fn forward(&self, hidden: &Tensor, batch: &Batch, mode: Mode) -> Result<Tensor> {
        let ops = Ops::on(hidden.device());
        let tracked = mode != Mode::Evaluate;
        let value = |name: &str| self.parameters.value(name, tracked);
        let mask = |site| match Dropout::of(mode) {
            Some(dropout) => dropout.pooled(site, batch, self.width, self.probability),
            None => Ok(None),
        };
        let rows: Vec<u32> = (0..batch.sequences())
            .map(|index| batch.row(index, 0))
            .collect();
        let first = hidden.index_select(&Tensor::new(rows, hidden.device())?, 0)?;
        let first = ops.dropout(&first, mask(Site::HeadInput)?.as_ref())?;
        let dense = ops.linear(
            &first,
            &value("classifier.dense.weight")?,
            &value("classifier.dense.bias")?,
        )?;
        let dense = ops.dropout(&dense.tanh()?, mask(Site::HeadHidden)?.as_ref())?;
        ops.linear(
            &dense,
            &value("classifier.out_proj.weight")?,
            &value("classifier.out_proj.bias")?,
        )
    }
}
