//! Encoder, pooling and projection: from token sequences to the vectors that are compared.

use candle_core::{Device, Tensor};
use contract::StageError;
use encoder::{Batch, Encoder, Mode, Parameters, Pooling, Projection, Sequence};

/// Number of sentences that are embedded at a time outside of training.
const EMBEDDED_AT_ONCE: usize = 64;

/// What the names of the second encoder's parameters begin with.
const SECOND: &str = "second.";

/// An encoder that makes one vector of a sentence.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) encoder: Encoder,
    pub(crate) pooling: Pooling,
    pub(crate) projection: Option<Projection>,
    /// The encoder of all but the anchors, with its projection, where there are two.
    second: Option<(Encoder, Option<Projection>)>,
    /// Whether the projection serves training alone.
    pub(crate) is_projection_dropped: bool,
    parameters: Parameters,
}

impl Model {
    /// Puts pooling and projection on the encoder. The encoder's masked language modelling head is trained where `has_head` says so.
    pub(crate) fn new(
        encoder: Encoder,
        pooling: Pooling,
        projection: Option<Projection>,
        is_projection_dropped: bool,
        has_head: bool,
    ) -> Result<Self, StageError> {
        let mut parameters = match has_head {
            true => encoder.parameters().clone(),
            false => encoder.body(),
        };
        if let Some(projection) = &projection {
            parameters.extend(projection.parameters())?;
        }
        Ok(Self {
            encoder,
            pooling,
            projection,
            second: None,
            is_projection_dropped,
            parameters,
        })
    }

    /// Gives what belongs to an anchor an encoder of its own, which begins with the same weights and serves training alone.
    pub(crate) fn with_second_encoder(mut self) -> Result<Self, StageError> {
        let encoder = self.encoder.apart(SECOND)?;
        self.parameters.extend(&encoder.body())?;
        let projection = self.projection.as_ref();
        let projection = projection.map(|one| one.apart(SECOND)).transpose()?;
        if let Some(projection) = &projection {
            self.parameters.extend(projection.parameters())?;
        }
        self.second = Some((encoder, projection));
        Ok(self)
    }

    /// Returns the parameters that are trained.
    pub(crate) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the projection, if it belongs to the model.
    pub(crate) fn kept_projection(&self) -> Option<&Projection> {
        match self.is_projection_dropped {
            true => None,
            false => self.projection.as_ref(),
        }
    }

    /// Returns the pooled vectors, `[sequences, width]`, that an encoder makes.
    fn pooled(
        &self,
        encoder: &Encoder,
        sequences: &[Sequence],
        mode: Mode,
    ) -> Result<Tensor, StageError> {
        let batch = Batch::pack(sequences, encoder.config())?;
        let layers = self.pooling.layers(encoder.config().num_hidden_layers);
        let states = encoder.hidden_states(&batch, &layers, mode)?;
        Ok(self.pooling.pool(&states, &batch, 0)?)
    }

    /// Returns the vectors that an encoder and a projection make, `[sequences, width]`.
    fn projected(
        &self,
        encoder: &Encoder,
        projection: Option<&Projection>,
        sequences: &[Sequence],
        mode: Mode,
    ) -> Result<Tensor, StageError> {
        let pooled = self.pooled(encoder, sequences, mode)?;
        Ok(match projection {
            Some(projection) => projection.forward(&pooled, mode)?,
            None => pooled,
        })
    }

    /// Returns the vectors that the loss compares, `[sequences, width]`, in the order of the sequences: of `views` views of each
    /// sentence, the first of which is the anchor.
    pub(crate) fn compared(
        &self,
        sequences: &[Sequence],
        views: usize,
        mode: Mode,
    ) -> Result<Tensor, StageError> {
        let own = self.projection.as_ref();
        let Some((encoder, projection)) = &self.second else {
            return self.projected(&self.encoder, own, sequences, mode);
        };
        let (mut anchors, mut others) = (Vec::new(), Vec::new());
        for sentence in sequences.chunks(views) {
            anchors.extend_from_slice(&sentence[..1]);
            others.extend_from_slice(&sentence[1..]);
        }
        let count = anchors.len() as u32;
        let others_each = views as u32 - 1;
        let anchors = self.projected(&self.encoder, own, &anchors, mode)?;
        let others = self.projected(encoder, projection.as_ref(), &others, mode)?;
        // Back to the order of the sentences.
        let places = (0..count).flat_map(|sentence| {
            let first = count + sentence * others_each;
            std::iter::once(sentence).chain(first..first + others_each)
        });
        let places: Vec<u32> = places.collect();
        let failed = StageError::failed;
        let all = Tensor::cat(&[anchors, others], 0).map_err(failed)?;
        let places = Tensor::new(places, &Device::Cpu).map_err(failed)?;
        all.index_select(&places, 0).map_err(failed)
    }

    /// Returns the vectors of sentences as the trained model gives them.
    pub(crate) fn embed(&self, sentences: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, StageError> {
        // Sorted by length, so that neighbours take about as long.
        let mut order: Vec<usize> = (0..sentences.len()).collect();
        order.sort_by_key(|&at| sentences[at].len());
        let mut vectors = vec![Vec::new(); sentences.len()];
        for part in order.chunks(EMBEDDED_AT_ONCE) {
            let sequences = part.iter().zip(0..);
            let sequences: Vec<Sequence> = sequences
                .map(|(&at, sample)| Sequence::new(sentences[at].clone(), sample))
                .collect();
            let found = match self.is_projection_dropped {
                true => self.pooled(&self.encoder, &sequences, Mode::Evaluate)?,
                false => {
                    let own = self.projection.as_ref();
                    self.projected(&self.encoder, own, &sequences, Mode::Evaluate)?
                }
            };
            let found = found.to_vec2::<f32>().map_err(StageError::failed)?;
            for (&at, vector) in part.iter().zip(found) {
                vectors[at] = vector;
            }
        }
        Ok(vectors)
    }
}
