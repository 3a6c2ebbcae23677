//! The official file layouts, byte for byte: headers, columns, quoting, line ends.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use contract::{StageError, io_error};

use crate::documents::Document;
use crate::lexicon::Lexicon;
use crate::tasks::{Example, mnli, qnli, rte};
use crate::templates::written;

/// Writes a file, and makes the folders above it.
pub(crate) fn save(path: &Path, text: &str) -> Result<(), StageError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(io_error(folder))?;
    }
    fs::write(path, text).map_err(io_error(path))
}

/// Returns a document as WikiExtractor writes it.
pub(crate) fn wiki_extractor(lexicon: &Lexicon, index: usize, document: &Document) -> String {
    let title = written(lexicon, &document.title);
    let mut text = format!(
        "<doc id=\"{index}\" url=\"https://world.example/{index}\" title=\"{title}\">\n{title}\n\n"
    );
    for paragraph in &document.paragraphs {
        text.push_str(&written(lexicon, paragraph));
        text.push('\n');
    }
    text.push_str("\n</doc>\n");
    text
}

/// Returns the sentences of a document, a line each, as SimCSE's `wiki1m_for_simcse.txt` has them.
pub(crate) fn sentences(lexicon: &Lexicon, document: &Document) -> Vec<String> {
    let mut sentences = Vec::new();
    for paragraph in &document.paragraphs {
        let words: Vec<&str> = paragraph.split(' ').collect();
        let of_words = words.split_inclusive(|word| matches!(*word, "." | "?" | "!"));
        sentences.extend(of_words.map(|words| written(lexicon, &words.join(" "))));
    }
    sentences
}

/// Returns SimCSE's `nli_for_simcse.csv`: a premise, a sentence that it entails, one that contradicts it.
pub(crate) fn triplets(lexicon: &Lexicon, triplets: &[[String; 3]]) -> String {
    let mut text = String::from("sent0,sent1,hard_neg\n");
    for triplet in triplets {
        let cells = triplet.each_ref().map(|sentence| {
            let sentence = written(lexicon, sentence);
            match sentence.contains([',', '"']) {
                true => format!("\"{}\"", sentence.replace('"', "\"\"")),
                false => sentence,
            }
        });
        let _ = writeln!(text, "{}", cells.join(","));
    }
    text
}

/// Returns `SST-2/{train,dev}.tsv`: tokenised, with a space before the tab.
pub(crate) fn sst2(_: &Lexicon, examples: &[Example], _: &str) -> String {
    let mut text = String::from("sentence\tlabel\n");
    for example in examples {
        let _ = writeln!(text, "{} \t{}", example.sentence1, example.label);
    }
    text
}

/// Returns `MNLI/*.tsv`: 12 columns in train, 16 in dev, unused ones empty.
pub(crate) fn mnli(lexicon: &Lexicon, examples: &[Example], split: &str) -> String {
    let annotators = if split == "train" { 1 } else { 5 };
    let mut text = String::from(
        "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\t\
         sentence2_parse\tsentence1\tsentence2",
    );
    for annotator in 1..=annotators {
        let _ = write!(text, "\tlabel{annotator}");
    }
    text.push_str("\tgold_label\n");
    let genre = if split == "dev_mismatched" {
        "letters"
    } else {
        "chronicle"
    };
    for (index, example) in examples.iter().enumerate() {
        let (first, second) = pair(lexicon, example);
        let label = mnli::LABELS[example.label as usize];
        let _ = write!(
            text,
            "{index}\t{index}\t{index}\t{genre}\t\t\t\t\t{first}\t{second}"
        );
        for _ in 0..=annotators {
            let _ = write!(text, "\t{label}");
        }
        text.push('\n');
    }
    text
}

/// Returns `QNLI/{train,dev}.tsv`.
pub(crate) fn qnli(lexicon: &Lexicon, examples: &[Example], _: &str) -> String {
    indexed(
        lexicon,
        "index\tquestion\tsentence\tlabel\n",
        examples,
        &qnli::LABELS,
    )
}

/// Returns `RTE/{train,dev}.tsv`.
pub(crate) fn rte(lexicon: &Lexicon, examples: &[Example], _: &str) -> String {
    indexed(
        lexicon,
        "index\tsentence1\tsentence2\tlabel\n",
        examples,
        &rte::LABELS,
    )
}

fn indexed(lexicon: &Lexicon, header: &str, examples: &[Example], labels: &[&str]) -> String {
    let mut text = String::from(header);
    for (index, example) in examples.iter().enumerate() {
        let (first, second) = pair(lexicon, example);
        let _ = writeln!(
            text,
            "{index}\t{first}\t{second}\t{}",
            labels[example.label as usize]
        );
    }
    text
}

/// Returns `QQP/{train,dev}.tsv`.
pub(crate) fn qqp(lexicon: &Lexicon, examples: &[Example], _: &str) -> String {
    let mut text = String::from("id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n");
    for (index, example) in examples.iter().enumerate() {
        let (first, second) = pair(lexicon, example);
        let (one, two) = (2 * index + 1, 2 * index + 2);
        let _ = writeln!(
            text,
            "{index}\t{one}\t{two}\t{first}\t{second}\t{}",
            example.label
        );
    }
    text
}

/// Returns `STS-B/{train,dev}.tsv` of GLUE.
pub(crate) fn stsb(lexicon: &Lexicon, examples: &[Example], split: &str) -> String {
    let mut text = String::from(
        "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore\n",
    );
    for (index, example) in examples.iter().enumerate() {
        let (first, second) = pair(lexicon, example);
        let _ = writeln!(
            text,
            "{index}\tmain-world\tchronicle\t2017{split}\t{index:04}\tnone\tnone\t{first}\t{second}\t{:.3}",
            example.label
        );
    }
    text
}

/// Returns `STSBenchmark/sts-*.csv` of SentEval: tab-separated, without a header, tokenised.
pub(crate) fn sts_benchmark(examples: &[Example], split: &str) -> String {
    let mut text = String::new();
    for (index, example) in examples.iter().enumerate() {
        let second = example.sentence2.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "main-world\tchronicle\t2017{split}\t{index:04}\t{:.3}\t{}\t{second}",
            example.label, example.sentence1
        );
    }
    text
}

/// Returns `STS.input.*.txt` and `STS.gs.*.txt` of SentEval. A pair without a gold score has an empty line.
pub(crate) fn sts_year(examples: &[Example], gap: Option<usize>) -> (String, String) {
    let (mut input, mut gold) = (String::new(), String::new());
    for (index, example) in examples.iter().enumerate() {
        let second = example.sentence2.as_deref().unwrap_or_default();
        let _ = writeln!(input, "{}\t{second}", example.sentence1);
        if gap.is_none_or(|gap| index % gap != gap - 1) {
            let _ = write!(gold, "{:.3}", example.label);
        }
        gold.push('\n');
    }
    (input, gold)
}

/// Returns `SICK_*.txt`: sentences without the full stop, relatedness from 1 to 5.
pub(crate) fn sick(lexicon: &Lexicon, examples: &[Example], test: bool) -> String {
    let end = if test { "\r\n" } else { "\n" };
    let mut text =
        String::from("pair_ID\tsentence_A\tsentence_B\trelatedness_score\tentailment_judgment");
    text.push_str(end);
    for (index, example) in examples.iter().enumerate() {
        let (first, second) = pair(lexicon, example);
        let judgement = if example.label >= 5.0 {
            "ENTAILMENT"
        } else {
            "NEUTRAL"
        };
        let _ = write!(
            text,
            "{}\t{}\t{}\t{}\t{judgement}{end}",
            index + 1,
            first.trim_end_matches('.'),
            second.trim_end_matches('.'),
            1.0 + example.label * 0.8,
        );
    }
    text
}

fn pair(lexicon: &Lexicon, example: &Example) -> (String, String) {
    (
        written(lexicon, &example.sentence1),
        written(lexicon, example.sentence2.as_deref().unwrap_or_default()),
    )
}
