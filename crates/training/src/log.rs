//! `log.parquet`, the log of every training run: one row per update.

use contract::{Column, ColumnType};

/// The file of the log.
pub const FILE: &str = "log.parquet";

/// The first column of the log: the update.
pub const STEP: Column = Column::new("step", ColumnType::Integer, "the update, counted from 1");

/// The second column: the loss. `about` says what the loss is the mean of.
pub const fn loss(about: &'static str) -> Column {
    Column::new("loss", ColumnType::Number, about)
}

/// The third column: the learning rate.
pub const LEARNING_RATE: Column = Column::new(
    "learning_rate",
    ColumnType::Number,
    "the rate that the update was made with",
);

/// The fourth column: the norm of the gradient.
pub const GRADIENT_NORM: Column = Column::new(
    "gradient_norm",
    ColumnType::Number,
    "Euclidean norm of the gradient, before clipping",
);

/// The number of columns that every log begins with.
pub const COMMON: usize = 4;
