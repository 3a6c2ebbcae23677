//! Outputs of WikiExtractor's versions: escaped texts, and texts that only look escaped.

#![allow(clippy::unwrap_used)]

use std::fs;

use contract::{Context, Inputs, Params, Stage};
use corpus::{CorpusStage, read};

/// Returns titles and texts of a file.
fn documents(text: &str) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("wiki_00");
    fs::write(&source, text).unwrap();
    let context = Context::in_folder(folder.path()).unwrap();
    let params = contract::complete(CorpusStage.signature().fields, &Default::default()).unwrap();
    CorpusStage
        .run(
            &Params(params),
            &Inputs::from([("source", source.as_path())]),
            &context,
        )
        .unwrap();
    let documents = read(context.output()).unwrap().flat_map(Result::unwrap);
    documents
        .map(|document| (document.title.unwrap_or_default(), document.text))
        .collect()
}

/// Returns a document as version 3 writes it. Version 2 differs only in `body`.
fn tags(title: &str, body: &str) -> String {
    format!("<doc id=\"1\" url=\"u?curid=1\" title=\"{title}\">\n{title}\n\n{body}\n\n</doc>\n")
}

fn expect(file: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(title, text)| ((*title).to_owned(), (*text).to_owned()))
        .collect();
    assert_eq!(documents(file), expected, "{file}");
}

#[test]
fn what_version_3_has_escaped_is_read_as_it_was() {
    let file = tags("AT&amp;T", "AT&amp;T has 3 &lt; 4.")
        + &tags(
            "Entities",
            "\"&amp;lt;\" stands for \"&lt;\", 'and' &amp;nbsp; for a space.",
        );
    expect(
        &file,
        &[
            ("AT&T", "AT&T has 3 < 4."),
            (
                "Entities",
                "\"&lt;\" stands for \"<\", 'and' &nbsp; for a space.",
            ),
        ],
    );
    // With --html, tags that are not escaped stand around escaped text.
    expect(
        &tags("A", "<h2>Life</h2>\n<li>R&amp;D</li>"),
        &[("A", "<h2>Life</h2>\n<li>R&D</li>")],
    );
}

#[test]
fn what_version_2_has_not_escaped_stays() {
    // The title is escaped in unescaped texts too, since it is escaped in the dump.
    let file = tags(
        "Dungeons &amp; Dragons",
        "R&D, and if a < b then &amp; is written so.",
    ) + &tags("The &quot;A&quot;", "Kept: &lt;");
    expect(
        &file,
        &[
            (
                "Dungeons & Dragons",
                "R&D, and if a < b then &amp; is written so.",
            ),
            ("The \"A\"", "Kept: &lt;"),
        ],
    );
    expect(
        &tags("A", "GC&CS; and &#X200B; say nothing"),
        &[("A", "GC&CS; and &#X200B; say nothing")],
    );
    expect(&tags("A", "x > 3 and &gt;"), &[("A", "x > 3 and &gt;")]);
}

#[test]
fn json_is_read_in_both_versions() {
    let file = "{\"id\": \"1\", \"revid\": \"2\", \"url\": \"u\", \"title\": \"AT&amp;T\", \"text\": \"AT&amp;T has 3 &lt; 4.\\nMore.\"}\n";
    expect(file, &[("AT&T", "AT&T has 3 < 4.\nMore.")]);
    let file = "{\"id\": \"1\", \"url\": \"u\", \"title\": \"AT&amp;T\", \"text\": \"AT&amp;T\\n\\nAT&T has 3 < 4, &amp; more.\"}\n";
    expect(file, &[("AT&T", "AT&T has 3 < 4, &amp; more.")]);
}

#[test]
fn a_line_of_text_may_begin_like_a_header() {
    let body = "<doc is what it begins with.\n<doc id=\"x\"> and more";
    expect(&tags("Formats", body), &[("Formats", body)]);
    // At the beginning of a file, such a line does not make the file WikiExtractor's.
    expect("<doc is a tag.\nText.\n", &[("", "<doc is a tag.\nText.")]);
}
