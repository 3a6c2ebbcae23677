//! SentEval's transfer tasks, in the files of its download script. A stage kind of its own, so that worlds without them stay as they are.
//!
//! | set | a sentence | its class |
//! | --- | --- | --- |
//! | MR, SST2 | a judgement, now and then with another one beside it | favourable or not |
//! | CR | a judgement | the same |
//! | MPQA | the words of a judgement alone | the same |
//! | SUBJ | a fact, or a judgement | objective or subjective |
//! | TREC | a question | what it asks for |
//! | MRPC | two facts about the same person and thing | whether they say the same |

use std::fmt::Write as _;
use std::path::Path;

use contract::{
    ArtifactType, Context, Field, FieldDefault, FieldType, Inputs, OutputFile, Params, Signature,
    Stage, StageError,
};
use kernels::Draws;
use serde::Deserialize;

use crate::layout::save;
use crate::lexicon::Lexicon;
use crate::meaning::{Kind, Noun, Relation};
use crate::tasks::{
    DEV, Example, LEANING, Make, Split, TRAIN, Task, Texts, examples, fact, sst2, texts,
};
use crate::templates::{Ask, question, statement};

/// The folder of the sets.
const FOLDER: &str = "SentEval/data/downstream";
/// The classes of TREC that questions of the world have, each with a subclass and what is asked for.
const QUESTIONS: [(&str, Ask); 5] = [
    ("DESC:reason", Ask::Why),
    ("ENTY:other", Ask::What),
    ("HUM:ind", Ask::Who),
    ("LOC:other", Ask::Where),
    ("NUM:date", Ask::When),
];
const TEST: Split = Split {
    name: "test",
    ..DEV
};

/// The stage `world-transfer`.
pub struct WorldTransferStage;

/// Sets of a file for each class, of which the first is class 1: a folder, the files, and how an example is made.
const CLASSES: [(&str, [&str; 2], Make); 4] = [
    ("MR", ["rt-polarity.pos", "rt-polarity.neg"], sst2::example),
    ("CR", ["custrev.pos", "custrev.neg"], judgement),
    ("SUBJ", ["subj.objective", "subj.subjective"], subjectivity),
    ("MPQA", ["mpqa.pos", "mpqa.neg"], phrase),
];

/// Generates the sets below `folder`, each of `count` examples; of those with splits half are to train on.
fn generate(
    folder: &Path,
    seed: u64,
    count: usize,
    keep_going: &dyn Fn() -> Result<(), StageError>,
) -> Result<(), StageError> {
    let lexicon = Lexicon::shipped()?;
    let make =
        |name: &str, classes: usize, make: Make, split: Split, count: usize, known: Texts| {
            let name = format!("transfer {name}");
            let task = Task {
                name: &name,
                classes,
                make,
            };
            examples(&lexicon, seed, &task, split, count, Some(known))
        };
    for (set, files, of) in CLASSES {
        keep_going()?;
        let made = make(set, 2, of, TEST, count, Texts::new());
        for (file, class) in files.into_iter().zip([1.0, 0.0]) {
            let lines = made.iter().filter(|one| one.label == class);
            let lines: String = lines.map(|one| format!("{} \n", one.sentence1)).collect();
            save(&folder.join(set).join(file), &lines)?;
        }
    }
    let half = count.div_ceil(2);
    let split = |name: &str, classes: usize, of: Make| {
        let train = make(name, classes, of, TRAIN, half, Texts::new());
        let test = make(name, classes, of, TEST, half, texts(&train));
        (train, test)
    };
    keep_going()?;
    let (train, test) = split("SST2", 2, sst2::example);
    let dev = make("SST2", 2, sst2::example, DEV, half, texts(&train));
    for (name, made) in [("train", &train), ("dev", &dev), ("test", &test)] {
        let path = format!("SST/binary/sentiment-{name}");
        let lines = made.iter();
        let lines: String = lines
            .map(|one| format!("{}\t{}\n", one.sentence1, one.label))
            .collect();
        save(&folder.join(path), &lines)?;
    }
    keep_going()?;
    let (train, test) = split("TREC", QUESTIONS.len(), asked);
    for (file, made) in [("train_5500.label", &train), ("TREC_10.label", &test)] {
        let lines = made.iter();
        let lines: String = lines
            .map(|one| format!("{} {}\n", QUESTIONS[one.label as usize].0, one.sentence1))
            .collect();
        save(&folder.join("TREC").join(file), &lines)?;
    }
    keep_going()?;
    let (train, test) = split("MRPC", 2, paraphrase);
    for (name, made) in [("train", &train), ("test", &test)] {
        let mut lines = String::from("\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n");
        for (index, one) in made.iter().enumerate() {
            let (first, second) = (2 * index + 1, 2 * index + 2);
            let other = one.sentence2.as_deref().unwrap_or_default();
            let _ = writeln!(
                lines,
                "{}\t{first}\t{second}\t{}\t{other}",
                one.label, one.sentence1
            );
        }
        save(
            &folder.join(format!("MRPC/msr_paraphrase_{name}.txt")),
            &lines,
        )?;
    }
    Ok(())
}

/// Returns a judgement, favourable in class 1.
fn judged(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> String {
    let thing = Noun::draw(&lexicon.things, split.frequencies, draws);
    let denial = 1.0 - LEANING;
    sst2::judgement(
        lexicon,
        thing,
        class == 1,
        denial,
        0.0,
        split.frequencies,
        draws,
    )
}

fn judgement(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let said = judged(lexicon, split, class, draws);
    Example::new(format!("{said} ."), None, class as f64)
}

/// Class 1 states a fact, class 0 judges.
fn subjectivity(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let said = match class {
        0 => {
            let favourable = draws.index(2);
            judged(lexicon, split, favourable, draws)
        }
        _ => {
            let kind = [Kind::Event, Kind::Property][draws.index(2)];
            let fact = fact(lexicon, kind, split, draws);
            statement(lexicon, &fact, split.genre, 0.0, draws)
        }
    };
    Example::new(format!("{said} ."), None, class as f64)
}

/// The words of a judgement: `hardly awful`.
fn phrase(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let sentiment = &lexicon.sentiment;
    let denied = draws.chance(1.0 - LEANING);
    let (qualifiers, words) = match (denied, (class == 1) != denied) {
        (true, true) => (&sentiment.denying, &sentiment.good),
        (true, false) => (&sentiment.denying, &sentiment.bad),
        (false, true) => (&sentiment.asserting, &sentiment.good),
        (false, false) => (&sentiment.asserting, &sentiment.bad),
    };
    let qualifier = draws.pick(qualifiers);
    let word = &words[split.frequencies.index(draws, words.len())];
    Example::new(format!("{qualifier} {word}"), None, class as f64)
}

/// A question of the class, about an event.
fn asked(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let fact = fact(lexicon, Kind::Event, split, draws);
    let asked = question(lexicon, &fact, QUESTIONS[class].1, 0.0, draws);
    Example::new(asked, None, class as f64)
}

/// Two statements about the same person and thing; in class 1 their predicates mean the same.
fn paraphrase(lexicon: &Lexicon, split: Split, class: usize, draws: &mut Draws) -> Example {
    let kind = [Kind::Event, Kind::Property][draws.index(2)];
    let first = fact(lexicon, kind, split, draws);
    let relation = match class {
        1 => Relation::Same,
        _ => [Relation::Opposite, Relation::Other][draws.index(2)],
    };
    let second = first.related(lexicon, relation, split.frequencies, draws);
    let said = [first, second].map(|fact| {
        let said = statement(lexicon, &fact, split.genre, 0.0, draws);
        format!("{said} .")
    });
    let [first, second] = said;
    Example::new(first, Some(second), class as f64)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    seed: u64,
    size: String,
    examples: Option<usize>,
}

const FIELDS: &[Field] = &[
    Field::new(
        "seed",
        FieldType::Integer {
            min: 0,
            max: i64::MAX,
        },
        FieldDefault::Integer(0),
        "Which world: that of the stage `world` with this seed.",
    ),
    Field::new(
        "size",
        FieldType::Choice(&["tiny", "laptop", "large"]),
        FieldDefault::Text("laptop"),
        "How many sentences a set has, unless a number below says otherwise: 120, 600 or 5000.",
    ),
    Field::new(
        "examples",
        FieldType::Integer {
            min: 60,
            max: 1_000_000,
        },
        FieldDefault::Absent,
        "Sentences, or pairs, of each set; of one with splits half of them are to train on, and as many to test with.",
    ),
];

const FILES: &[OutputFile] = &[OutputFile::new(
    "SentEval/*",
    "the transfer sets, in SentEval's layout",
)];

impl Stage for WorldTransferStage {
    fn signature(&self) -> Signature {
        Signature {
            kind: "world-transfer",
            version: 1,
            about: "Generates SentEval's transfer tasks in the language of the built-in world, in the official layout.",
            fields: FIELDS,
            output: ArtifactType::Folder,
            numerics: None,
            files: FILES,
        }
    }

    fn run(&self, params: &Params, _: &Inputs, context: &Context) -> Result<(), StageError> {
        let Parameters {
            seed,
            size,
            examples,
        } = params.parse()?;
        let named = match size.as_str() {
            "tiny" => 120,
            "laptop" => 600,
            _ => 5_000,
        };
        let folder = context.output().join(FOLDER);
        let keep_going = || context.keep_going();
        generate(&folder, seed, examples.unwrap_or(named), &keep_going)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    #[test]
    fn the_sets_have_as_many_sentences_as_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        generate(folder.path(), 3, 60, &|| Ok(())).unwrap();
        let lines = |path: &str| {
            let text = fs::read_to_string(folder.path().join(path)).unwrap();
            text.lines().count()
        };
        for (set, files, _) in CLASSES {
            let both = files.map(|file| lines(&format!("{set}/{file}")));
            assert_eq!(both, [30, 30], "{set}");
        }
        assert_eq!(lines("SST/binary/sentiment-dev"), 30);
        assert_eq!(lines("TREC/train_5500.label"), 30);
        assert_eq!(lines("MRPC/msr_paraphrase_test.txt"), 31);
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        let read = |seed| {
            let folder = tempfile::tempdir().unwrap();
            generate(folder.path(), seed, 60, &|| Ok(())).unwrap();
            fs::read(folder.path().join("TREC/TREC_10.label")).unwrap()
        };
        assert_eq!(read(3), read(3));
        assert_ne!(read(3), read(4));
    }
}
