//! Encoder and the head that finds spans.

use contract::StageError;
use encoder::{Batch, Collecting, Config, Encoder, Mode, Parameters, SpanHead};

use crate::windows::{Asked, Window};

/// Number of windows that are scored at a time.
const AT_ONCE: usize = 32;

/// An encoder with a head that finds spans. The encoder's masked language modelling head is not used and not trained.
pub(crate) struct Model {
    encoder: Encoder,
    head: SpanHead,
    parameters: Parameters,
}

/// The scores of the tokens of each window of a question, as first and as last token of the answer.
pub(crate) type Scores = Vec<Vec<[f32; 2]>>;

impl Model {
    /// Puts a fresh head on the encoder; `seed` decides its weights.
    pub(crate) fn new(encoder: Encoder, seed: u64) -> Result<Self, StageError> {
        let head = SpanHead::new(encoder.config(), seed)?.with_precision(encoder.precision());
        let mut parameters = encoder.body();
        parameters.extend(head.parameters())?;
        Ok(Self {
            encoder,
            head,
            parameters,
        })
    }

    /// Returns the trainable parameters.
    pub(crate) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the encoder, without the head.
    pub(crate) fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Returns the head.
    pub(crate) fn head(&self) -> &SpanHead {
        &self.head
    }

    /// Returns the encoder's configuration.
    pub(crate) fn config(&self) -> &Config {
        self.encoder.config()
    }

    /// Adds to the gradients those of the loss summed over the windows, whose sample indices begin at `first`, and returns that loss.
    pub(crate) fn add_gradients(
        &self,
        windows: &[&Window],
        first: usize,
        mode: Mode,
        gradients: &mut Collecting<'_>,
    ) -> Result<f64, StageError> {
        let batch = self.pack(windows, first)?;
        let hidden = self.encoder.forward(&batch, mode)?;
        let spans: Vec<[u32; 2]> = windows.iter().map(|window| window.target).collect();
        let sum = self.head.loss(&hidden, &batch, &spans, mode)?;
        gradients.add(&sum)?;
        sum.to_scalar::<f64>().map_err(StageError::failed)
    }

    /// Scores the windows of questions. `tell` is called with the number of windows that are done.
    pub(crate) fn score(
        &self,
        asked: &[Asked],
        mut tell: impl FnMut(usize) -> Result<(), StageError>,
    ) -> Result<Vec<Scores>, StageError> {
        let windows: Vec<&Window> = asked.iter().flat_map(|asked| &asked.windows).collect();
        let mut all = Vec::with_capacity(windows.len());
        for part in windows.chunks(AT_ONCE) {
            let batch = self.pack(part, 0)?;
            let hidden = self.encoder.forward(&batch, Mode::Evaluate)?;
            let scores = self.head.scores(&hidden, &batch)?;
            if scores
                .iter()
                .flatten()
                .flatten()
                .any(|score| !score.is_finite())
            {
                return Err(StageError::failed(
                    "a score is not finite: the run has diverged; lower lr or set max_grad_norm",
                ));
            }
            all.extend(scores);
            tell(all.len())?;
        }
        let mut rest = all.into_iter();
        let own = |asked: &Asked| rest.by_ref().take(asked.windows.len()).collect();
        Ok(asked.iter().map(own).collect())
    }

    fn pack(&self, windows: &[&Window], first: usize) -> Result<Batch, StageError> {
        let samples = first as u32..;
        let sequences = samples.zip(windows).map(|(n, window)| window.sequence(n));
        let sequences: Vec<_> = sequences.collect();
        Ok(Batch::pack(&sequences, self.encoder.config())?)
    }
}
