//! The stage `corpus`.

use std::path::Path;

use contract::{
    ArtifactType, Context, Event, Field, FieldDefault, FieldType, Inputs, Params, Signature, Stage,
    StageError,
};
use serde::Deserialize;

use crate::parse::parse;
use crate::shards::{FILES, ShardWriter};
use crate::{files, format};

/// Reads a folder of text into documents.
pub struct CorpusStage;

#[derive(Deserialize)]
struct Parameters {
    format: String,
    min_characters: usize,
}

impl Stage for CorpusStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "corpus",
            // Version 2 reads compressed files, and entities of WikiExtractor.
            version: 2,
            about: "Reads plain text, WikiText or WikiExtractor folders into documents",
            fields: const {
                &[
                    Field::new(
                        "source",
                        FieldType::Input(ArtifactType::Folder),
                        FieldDefault::Required,
                        "a file, or a folder whose `*.txt`, `*.tokens`, `*.raw` and `wiki_*`, plain or \
                            compressed (`.gz`, `.zst`), are read in the order of their paths",
                    ),
                    Field::new(
                        "format",
                        FieldType::Choice(&["auto", "text", "wikitext", "wikiextractor"]),
                        FieldDefault::Text("auto"),
                        "the layout of the files; `auto` goes by each file's first line",
                    ),
                    Field::new(
                        "min_characters",
                        FieldType::Integer {
                            min: 1,
                            max: 1_000_000,
                        },
                        FieldDefault::Integer(1),
                        "the length, in characters, below which a document is left out",
                    ),
                ]
            },
            output: ArtifactType::Corpus,
            numerics: None,
            files: FILES,
        }
    }

    /// Number of bytes of text in a folder that contains only text files.
    fn suits(&self, _: &str, _: &Params, path: &Path) -> Option<u64> {
        files::text_alone(path)
    }

    fn run(&self, params: &Params, inputs: &Inputs, context: &Context) -> Result<(), StageError> {
        let Parameters {
            format,
            min_characters,
        } = params.parse()?;
        let source = inputs.path("source")?;
        let files::Found { files, notes } = files::find(source)?;
        for note in notes {
            context.note(note);
        }
        let total: u64 = files.iter().map(|file| file.bytes).sum();
        let mut writer = ShardWriter::new(context.output());
        let (mut kept, mut left_out, mut escaped, mut done) = (0_u64, 0_u64, 0_u64, 0);
        for file in &files {
            let layout = format::of_file(&file.path, &format)?;
            let entities = parse(&file.path, layout, &mut |document| {
                context.keep_going()?;
                if document.text.chars().nth(min_characters - 1).is_some() {
                    kept += 1;
                    writer.push(document)
                } else {
                    left_out += 1;
                    Ok(())
                }
            })?;
            escaped += u64::from(entities);
            done += file.bytes;
            context.progress(done, total, "byte", documents(kept));
        }
        if kept == 0 {
            return Err(StageError::input(
                source.display(),
                match left_out {
                    0 => "the corpus is empty: no text in its files".to_owned(),
                    1 => format!("its one document has fewer than {min_characters} characters"),
                    _ => format!(
                        "all of its {left_out} documents have fewer than {min_characters} characters"
                    ),
                },
                "give a corpus with text in it, or lower `min_characters`",
            ));
        }
        // A document without text is always left out, so only a higher minimum deserves a note.
        if left_out > 0 && min_characters > 1 {
            context.note(format!(
                "{} of fewer than {min_characters} characters left out",
                documents(left_out)
            ));
        }
        if escaped > 0 {
            context.note(format!(
                "the text of {escaped} of {} files is HTML-escaped, as WikiExtractor 3 writes it: `&amp;` was read as `&`, \
                 `&lt;` as `<`",
                files.len()
            ));
        }
        context.tell(&Event::Worked {
            amount: done as f64,
            unit: "byte".to_owned(),
        });
        writer.finish()
    }
}

/// Returns a number of documents in words.
fn documents(number: u64) -> String {
    match number {
        1 => "1 document".to_owned(),
        _ => format!("{number} documents"),
    }
}
