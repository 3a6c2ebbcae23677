//! The years of SemEval: their folders, their parts, and the names of their files.

use std::path::{Path, PathBuf};

use contract::StageError;

/// One SemEval year.
pub(super) struct Year {
    pub(super) set: &'static str,
    /// Its folder in SentEval's layout, and in the SemEval release as it is unpacked.
    folders: &'static [&'static str],
    pub(super) subsets: &'static [&'static str],
}

/// STS 2012 to 2016, English. Of 2013 SMT is left out, which is not free.
pub(super) const YEARS: &[Year] = &[
    Year {
        set: "sts12",
        folders: &[
            "STS12-en-test",
            "STS2012-en-test/test-gold",
            "STS2012-en-test",
        ],
        subsets: &[
            "MSRpar",
            "MSRvid",
            "SMTeuroparl",
            "surprise.OnWN",
            "surprise.SMTnews",
        ],
    },
    Year {
        set: "sts13",
        folders: &[
            "STS13-en-test",
            "STS2013-en-test/test-gs",
            "STS2013-en-test",
        ],
        subsets: &["FNWN", "headlines", "OnWN"],
    },
    Year {
        set: "sts14",
        folders: &[
            "STS14-en-test",
            "STS2014-en-test/sts-en-test-gs-2014",
            "STS2014-en-test",
        ],
        subsets: &[
            "deft-forum",
            "deft-news",
            "headlines",
            "images",
            "OnWN",
            "tweet-news",
        ],
    },
    Year {
        set: "sts15",
        folders: &[
            "STS15-en-test",
            "STS2015-en-test/test_evaluation_task2a",
            "STS2015-en-test",
        ],
        subsets: &[
            "answers-forums",
            "answers-students",
            "belief",
            "headlines",
            "images",
        ],
    },
    Year {
        set: "sts16",
        folders: &[
            "STS16-en-test",
            "STS2016-en-test/sts2016-english-with-gs-v1.0",
            "STS2016-en-test",
        ],
        subsets: &[
            "answer-answer",
            "headlines",
            "plagiarism",
            "postediting",
            "question-question",
        ],
    },
];

/// Possible prefixes of the names of a subset's input and gold files.
const PREFIXES: [(&str, &str); 2] = [("STS.input.", "STS.gs."), ("STS2016.input.", "STS2016.gs.")];

impl Year {
    /// Returns the year's folder in the folder of all years; the first of its names where none is there.
    pub(super) fn folder(&self, years: &Path) -> PathBuf {
        let folders = || self.folders.iter().map(|folder| years.join(folder));
        let found = folders().find(|folder| folder.is_dir());
        found.or_else(|| folders().next()).unwrap_or_default()
    }
}

/// Returns a subset's input and gold files, if the folder has them.
pub(super) fn find_files(
    folder: &Path,
    subset: &str,
) -> Result<Option<(PathBuf, PathBuf)>, StageError> {
    for (input, gold) in PREFIXES {
        let input = folder.join(format!("{input}{subset}.txt"));
        let gold = folder.join(format!("{gold}{subset}.txt"));
        match (input.is_file(), gold.is_file()) {
            (true, true) => return Ok(Some((input, gold))),
            (false, false) => {}
            (there, _) => {
                let (there, lacking) = if there { (input, gold) } else { (gold, input) };
                return Err(StageError::input(
                    there.display(),
                    format!("its partner `{}` is missing", lacking.display()),
                    "complete the set, or remove this file to do without the part",
                ));
            }
        }
    }
    Ok(None)
}
