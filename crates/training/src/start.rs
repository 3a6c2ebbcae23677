//! What a run starts from.

use std::path::Path;

use contract::StageError;
use encoder::AdamW;
use serde::{Deserialize, Serialize};

/// The file of an artifact with AdamW's moments and the count of updates: with the weights, all that a run needs to go on.
pub const STATE_FILE: &str = "optimizer.safetensors";

/// What a run takes of the encoder that it starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartFrom {
    /// The encoder's weights only: the run is new and counts its updates from the first.
    #[default]
    Weights,
    /// The encoder's weights, AdamW's moments and count of updates: the run continues the earlier one.
    State,
}

impl StartFrom {
    /// The names, as parameters take them.
    pub const NAMES: &'static [&'static str] = &["weights", "state"];
}

/// What a run starts from, besides the weights that its objective already has.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Nothing: the run counts its updates from the first.
    New,
    /// The state that another run kept in this folder.
    State(&'a Path),
}

impl Start<'_> {
    /// Sets the optimiser and returns how many of the `updates` updates were made before this run.
    ///
    /// # Errors
    /// When the folder holds no state, or the state is of another encoder or has more updates than this run makes.
    pub(crate) fn begin(self, optimizer: &mut AdamW, updates: u32) -> Result<u32, StageError> {
        let Self::State(folder) = self else {
            return Ok(0);
        };
        let path = folder.join(STATE_FILE);
        if !path.is_file() {
            return Err(StageError::input(
                "start",
                format!("it holds no training state ({STATE_FILE})"),
                "set keep_state = true in the stage that makes it, or start_from = \"weights\" here",
            ));
        }
        optimizer.restore(&path)?;
        let made = optimizer.steps();
        if made > updates {
            return Err(StageError::input(
                "start",
                format!("{made} updates were made already, and this run makes {updates} in all"),
                format!("raise steps beyond {made}, or set start_from = \"weights\""),
            ));
        }
        Ok(made)
    }
}
