//! What every training records: `log.parquet`, a row for each update.

use contract::{Column, ColumnType};

/// The file of the log.
pub const FILE: &str = "log.parquet";

/// The first column.
pub const STEP: Column = Column::new("step", ColumnType::Integer, "the update, counted from 1");

/// The second column; what it is the mean of differs.
pub const fn loss(about: &'static str) -> Column {
    Column::new("loss", ColumnType::Number, about)
}

/// The third column.
pub const LEARNING_RATE: Column = Column::new(
    "learning_rate",
    ColumnType::Number,
    "the rate that the update was made with",
);

/// The fourth column.
pub const GRADIENT_NORM: Column = Column::new(
    "gradient_norm",
    ColumnType::Number,
    "Euclidean norm of the gradient, before clipping",
);

/// How many columns every log begins with.
pub const COMMON: usize = 4;
