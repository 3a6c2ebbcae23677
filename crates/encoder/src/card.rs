//! What there is to say of a model's folder: what the Hub asks for, its shape, and how it is loaded.

use crate::{Architecture, Config, ModelClass};

/// What a model is, for its card (`README.md` of its folder).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCard {
    /// The library that loads the folder, as the Hub calls it: `library_name`.
    pub library: &'static str,
    /// What the model is for, as the Hub calls it: `pipeline_tag`.
    pub task: &'static str,
    /// The class of the library that loads the folder: `AutoModelForMaskedLM`.
    pub class: String,
    /// Properties in words, with their values.
    pub facts: Vec<(&'static str, String)>,
    /// Sentences that a user of the model should know.
    pub notes: Vec<String>,
    /// Python that loads and uses the folder. `MODEL` stands for its place.
    pub usage: String,
}

impl ModelCard {
    /// The card of a folder for a class of transformers. `parameters` are those that were trained, and `max_length` the most tokens of a
    /// text that are read.
    pub fn new(class: ModelClass, config: &Config, parameters: usize, max_length: usize) -> Self {
        let normalisation = match config.architecture {
            Architecture::Bert => "after each sub-layer (BERT)",
            Architecture::Roberta => "after each sub-layer (RoBERTa)",
            Architecture::RobertaPreLayerNorm => "before each sub-layer (RoBERTa-PreLayerNorm)",
        };
        Self {
            library: "transformers",
            task: match class {
                ModelClass::Encoder => "feature-extraction",
                ModelClass::MaskedLm => "fill-mask",
                ModelClass::SequenceClassification => "text-classification",
                ModelClass::QuestionAnswering => "question-answering",
            },
            class: class.auto(),
            facts: vec![
                ("class of transformers", class.name(config.architecture)),
                ("layer normalisation", normalisation.to_owned()),
                ("layers", config.num_hidden_layers.to_string()),
                ("hidden size", config.hidden_size.to_string()),
                ("attention heads", config.num_attention_heads.to_string()),
                ("vocabulary", config.vocab_size.to_string()),
                ("trained parameters", parameters.to_string()),
                ("longest sequence", format!("{max_length} tokens")),
            ],
            notes: Vec::new(),
            usage: usage(class),
        }
    }
}

fn usage(class: ModelClass) -> String {
    let auto = class.auto();
    let (text, then) = match class {
        ModelClass::Encoder => (
            "\"A sentence.\"",
            "states = model(**inputs).last_hidden_state",
        ),
        ModelClass::MaskedLm => (
            "f\"A {tokenizer.mask_token} sentence.\"",
            "logits = model(**inputs).logits",
        ),
        ModelClass::SequenceClassification => (
            "\"A text.\"",
            "outputs = model(**inputs).logits  # a pair of texts: tokenizer(first, second, …)",
        ),
        ModelClass::QuestionAnswering => (
            "\"A question?\", \"The text that holds the answer.\"",
            "outputs = model(**inputs)  # start_logits, end_logits",
        ),
    };
    format!(
        "from transformers import AutoTokenizer, {auto}\n\n\
         tokenizer = AutoTokenizer.from_pretrained(\"MODEL\")\n\
         model = {auto}.from_pretrained(\"MODEL\")\n\
         inputs = tokenizer({text}, return_tensors=\"pt\", truncation=True)\n\
         {then}\n"
    )
}
