//! Values of variables in a text for the shell: data, whatever they hold.
//!
//! A value of letters, digits and the few signs that mean nothing to a shell is put in as it is. Any other becomes one quoted
//! word, as `shlex.quote` of Python's has it, where the shell takes words. Within quotes and here-documents quoting again would
//! open the quotes, and a text there is often for another interpreter: such a value is refused, with the way that is always
//! right, a variable of the environment.
//!
//! Where the text stands is told by reading what was written as a shell does, as far as that is plain. Where it is not (old
//! backquotes, nested expansions), nothing but plain values is put in from there on.

use std::collections::VecDeque;

use contract::{Piece, Problem};

use crate::places::shell_quoted;

/// Puts a text for the shell together.
///
/// # Errors
/// When a value cannot be put in where it stands.
pub(crate) fn join(pieces: &[Piece<'_>]) -> Result<String, Problem> {
    let mut text = String::new();
    let mut reader = Reader::new();
    let is_all = pieces.len() == 1;
    for piece in pieces {
        match piece {
            Piece::Written(written) => {
                reader.read(written);
                text.push_str(written);
            }
            Piece::Value { name, text: value } => {
                let put = match reader.at() {
                    _ if value.chars().all(is_plain)
                        && !(value.is_empty() && reader.takes_words()) =>
                    {
                        value.to_string()
                    }
                    At::Word if is_all => return Err(no_code(name)),
                    At::Word => shell_quoted(value),
                    At::Text if value.chars().all(|c| c == ' ' || is_plain(c)) => value.to_string(),
                    at => return Err(refused(name, value, at)),
                };
                reader.pass(&put);
                text.push_str(&super::places::braces_doubled(&put));
            }
        }
    }
    Ok(text)
}

/// Whether a character means nothing but itself to a shell, wherever it stands.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "_-+=.,:/@%".contains(c)
}

fn no_code(name: &str) -> Problem {
    Problem::value(
        "shell",
        format!("all of `shell` is the value of `{name}`, and a value is data and no code"),
    )
    .with_help(format!(
        "write the command itself; a value that is one can be run by eval \"${0}\", with env = {{ {0} = \"${{{name}}}\" }}",
        variable(name)
    ))
}

fn refused(name: &str, value: &str, at: At) -> Problem {
    let short: String = value.chars().take(40).collect();
    let place = match at {
        At::Text => "within quotes, a here-document or a comment",
        _ => "where it cannot be told how the shell would read it",
    };
    Problem::value(
        "shell",
        format!("`{name}` stands {place}, and its value holds what a shell may take for code: {short:?}"),
    )
    .with_help(format!(
        "hand it over by the environment: env = {{ {0} = \"${{{name}}}\" }} and \"${0}\" here; outside of quotes it is quoted by itself",
        variable(name)
    ))
}

/// Returns a name for a variable of the environment.
fn variable(name: &str) -> String {
    let word = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    word.collect::<String>().to_uppercase()
}

/// What stands at a place of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// A word, or a part of one, that is not quoted.
    Word,
    /// Text that the shell does not split: quoted, of a here-document, of a comment.
    Text,
    /// Anything.
    Unknown,
}

/// What is open at a place of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// Commands, in so many parentheses.
    Commands(u32),
    /// `'`
    Single,
    /// `"`
    Double,
    /// `#`
    Comment,
    /// `$((`, with so many parentheses that are open.
    Arithmetic(u32),
    /// The lines after one with `<<`.
    Document,
}

/// Reads what is written as a shell does, as far as needed to know what is quoted.
struct Reader {
    /// What is open, innermost last; never empty.
    open: Vec<Open>,
    /// Whether a word may begin here.
    begins: bool,
    /// Whether the last character was a backslash that takes the meaning from the next.
    escaped: bool,
    /// The ends of here-documents that are to come, and whether their lines may begin with tabs.
    documents: VecDeque<(String, bool)>,
    /// The line of a here-document so far.
    line: String,
    /// Whether it cannot be told any more what is open.
    lost: bool,
}

impl Reader {
    fn new() -> Self {
        Self {
            open: vec![Open::Commands(0)],
            begins: true,
            escaped: false,
            documents: VecDeque::new(),
            line: String::new(),
            lost: false,
        }
    }

    fn innermost(&self) -> Open {
        *self.open.last().unwrap_or(&Open::Commands(0))
    }

    /// Returns what stands here.
    fn at(&self) -> At {
        if self.lost || self.escaped {
            return At::Unknown;
        }
        match self.innermost() {
            Open::Commands(_) => At::Word,
            Open::Single | Open::Double | Open::Comment | Open::Document => At::Text,
            Open::Arithmetic(_) => At::Unknown,
        }
    }

    fn takes_words(&self) -> bool {
        self.at() == At::Word
    }

    /// Passes over a value, which opens and closes nothing.
    fn pass(&mut self, value: &str) {
        self.escaped = false;
        self.begins = false;
        if self.innermost() == Open::Document {
            self.line.push_str(value);
        }
    }

    /// Reads what is written next.
    fn read(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if self.lost {
                return;
            }
            let after = &rest[c.len_utf8()..];
            if std::mem::take(&mut self.escaped) {
                self.begins = false;
                rest = after;
                continue;
            }
            rest = match self.innermost() {
                Open::Single => {
                    if c == '\'' {
                        self.open.pop();
                    }
                    after
                }
                Open::Comment => {
                    if c == '\n' {
                        self.open.pop();
                        self.end_line();
                    }
                    after
                }
                Open::Document => {
                    self.document(c);
                    after
                }
                Open::Arithmetic(depth) => {
                    self.arithmetic(c, depth);
                    after
                }
                Open::Double => self.double(c, after),
                Open::Commands(depth) => self.command(c, after, depth),
            };
        }
    }

    /// Reads a character of commands, and returns what is left.
    fn command<'t>(&mut self, c: char, after: &'t str, depth: u32) -> &'t str {
        let began = std::mem::replace(&mut self.begins, c.is_whitespace() || ";&|()<>".contains(c));
        match c {
            '\\' => self.escaped = true,
            '\'' => self.open.push(Open::Single),
            '"' => self.open.push(Open::Double),
            '#' if began => self.open.push(Open::Comment),
            '\n' => self.end_line(),
            '`' => self.lost = true,
            '$' if after.starts_with('\'') => self.lost = true,
            '$' => return self.dollar(after),
            '<' if after.starts_with('<') => return self.announce(&after[1..]),
            // Arithmetic to some shells.
            '(' if after.starts_with('(') => self.lost = true,
            // The end of an outermost one is that of a pattern of `case`, or of one that `$(` has begun here.
            '(' if depth > 0 => self.count(Open::Commands(depth + 1)),
            ')' if depth > 1 => self.count(Open::Commands(depth - 1)),
            ')' if depth == 1 => {
                self.open.pop();
            }
            // Within quotes the parentheses of its patterns would be counted.
            'c' if began && depth > 0 && after.starts_with("ase") => self.lost = true,
            _ => {}
        }
        after
    }

    fn double<'t>(&mut self, c: char, after: &'t str) -> &'t str {
        match c {
            '\\' => self.escaped = true,
            '"' => {
                self.open.pop();
                self.begins = false;
            }
            '`' => self.lost = true,
            '$' => {
                if let Some(inner) = after
                    .strip_prefix('(')
                    .filter(|inner| !inner.starts_with('('))
                {
                    self.open.push(Open::Commands(1));
                    self.begins = true;
                    return inner;
                }
                return self.dollar(after);
            }
            _ => {}
        }
        after
    }

    /// Reads what follows a `$`: an expansion in braces as far as it is plain, or the beginning of arithmetic.
    fn dollar<'t>(&mut self, after: &'t str) -> &'t str {
        if let Some(inner) = after.strip_prefix("((") {
            self.open.push(Open::Arithmetic(2));
            return inner;
        }
        let Some(inner) = after.strip_prefix('{') else {
            return after;
        };
        let end = inner.find(|c: char| !(c.is_alphanumeric() || "_#:-+=?%./*@!".contains(c)));
        match end.map(|end| inner.split_at(end).1) {
            Some(closed) if closed.starts_with('}') => &closed[1..],
            _ => {
                self.lost = true;
                after
            }
        }
    }

    fn arithmetic(&mut self, c: char, depth: u32) {
        match c {
            '(' => self.count(Open::Arithmetic(depth + 1)),
            ')' if depth > 1 => self.count(Open::Arithmetic(depth - 1)),
            ')' => {
                self.open.pop();
                self.begins = false;
            }
            '\'' | '"' | '\\' | '`' | '#' | '{' | ';' | '\n' => self.lost = true,
            _ => {}
        }
    }

    fn count(&mut self, open: Open) {
        self.open.pop();
        self.open.push(open);
    }

    /// Reads the word after `<<`, which ends a here-document.
    fn announce<'t>(&mut self, after: &'t str) -> &'t str {
        let (is_indented, word) = match after.strip_prefix('-') {
            Some(word) => (true, word),
            None => (false, after),
        };
        let word = word.trim_start_matches([' ', '\t']);
        let quote = word.chars().next().filter(|c| ['\'', '"'].contains(c));
        let name = quote.map_or(word, |_| &word[1..]);
        let length = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let Some((name, rest)) = length.map(|length| name.split_at(length)) else {
            // A variable follows, or nothing.
            self.lost = true;
            return "";
        };
        let ends = quote.map_or_else(
            || rest.starts_with([' ', '\t', '\n', ';', '|', '&', ')', '>']),
            |quote| rest.starts_with(quote),
        );
        // Of documents within quotes it is not plain where they begin.
        if name.is_empty() || !ends || self.open.len() > 1 {
            self.lost = true;
            return "";
        }
        self.documents.push_back((name.to_owned(), is_indented));
        quote.map_or(rest, |_| &rest[1..])
    }

    /// A line of commands has ended: here-documents that it has announced begin.
    fn end_line(&mut self) {
        self.begins = true;
        if !self.documents.is_empty() {
            self.open.push(Open::Document);
        }
    }

    fn document(&mut self, c: char) {
        if c != '\n' {
            self.line.push(c);
            return;
        }
        let line = std::mem::take(&mut self.line);
        let ends = self.documents.front().is_some_and(|(end, is_indented)| {
            let line = match is_indented {
                true => line.trim_start_matches('\t'),
                false => &line,
            };
            line == end
        });
        if ends {
            self.documents.pop_front();
            if self.documents.is_empty() {
                self.open.pop();
                self.begins = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::process::Command;

    use super::*;

    /// Puts a value in for each `@` of a text.
    fn put(text: &str, value: &str) -> Result<String, Problem> {
        let mut pieces = Vec::new();
        for (at, part) in text.split('@').enumerate() {
            if at > 0 {
                let text = value.into();
                pieces.push(Piece::Value { name: "x", text });
            }
            if !part.is_empty() {
                pieces.push(Piece::Written(part));
            }
        }
        join(&pieces)
    }

    const HOSTILE: [&str; 9] = [
        "a; touch /nowhere/x",
        "$(echo ran)",
        "`echo ran`",
        "a' b",
        "a\" b",
        "\n echo ran\n",
        "a\\",
        "*",
        "",
    ];

    #[test]
    fn a_value_is_one_word_whatever_it_holds() {
        for text in [
            "printf '<%s>' @",
            "printf '<%s>' \\\n  @ # as it is",
            "# printf '\nprintf '<%s>' @",
            "x=\"a $((1 + (2))) ${HOME}\"; printf '<%s>' @",
            "x=$(printf '<%s>' @; echo .); printf %s \"${x%.*}\"",
            "printf %s \"$(printf '<%s>' @; echo '.)' \"\")\" | sed 's/\\.)$//'",
            "case a in a) printf '<%s>' @;; esac",
            "cat <<E; printf '<%s>' @\nit's\nE\n",
            "cat <<'E' >/dev/null\n\"\nE\nprintf '<%s>' @",
            "cat <<-E >/dev/null\n\t\"\n\tE\nprintf '<%s>' @",
            "true a#' >/dev/null'; printf '<%s>' @",
        ] {
            for value in HOSTILE.into_iter().chain(["plain-0.1", "two words"]) {
                let joined = put(text, value)
                    .unwrap()
                    .replace("{{", "{")
                    .replace("}}", "}");
                let ran = Command::new("sh").args(["-euc", &joined]).output().unwrap();
                let said = String::from_utf8_lossy(&ran.stdout);
                let told = format!("{joined:?} said {said:?}: {ran:?}");
                // A substitution of commands drops line ends.
                assert!(said.contains(&format!("<{value}>")), "{told}");
            }
        }
    }

    #[test]
    fn where_a_value_would_be_code_it_is_refused() {
        for text in [
            "echo \"@\"",
            "echo 'a @'",
            "sh -c 'echo @'",
            "echo \"$(echo \"@\")\"",
            "echo `echo @`",
            "echo `true` @",
            "cat <<E\n@\nE\n",
            "cat <<@\nE\n",
            "# @\n",
            "echo \\@",
            "echo $((@ + 1))",
            "echo ${x:-\"@\"}",
            "echo $'it\\'s' @",
            "echo \"$(case a in a) echo \"@\";; esac)\"",
            "cat <<E\nE @",
            "echo \"$(cat <<E\n@\nE\n)\"",
            "@",
        ] {
            for value in HOSTILE.into_iter().filter(|value| !value.is_empty()) {
                assert!(put(text, value).is_err(), "{text:?} takes {value:?}");
            }
            // What can mean nothing else is put in everywhere.
            let plain = put(text, "v1.5-a/b_ö").unwrap();
            assert_eq!(plain, text.replace('@', "v1.5-a/b_ö"));
        }
        assert_eq!(
            put("echo \"@\"", "two words").unwrap(),
            "echo \"two words\""
        );
        let problem = put("echo \"@\"", "$HOME").unwrap_err();
        insta::assert_snapshot!(
            format!("{}\n{}", problem.message, problem.help.unwrap()),
            @r#"
        `x` stands within quotes, a here-document or a comment, and its value holds what a shell may take for code: "$HOME"
        hand it over by the environment: env = { X = "${x}" } and "$X" here; outside of quotes it is quoted by itself
        "#
        );
    }

    #[test]
    fn keys_of_plain_values_stay_and_braces_are_safe_from_places() {
        assert_eq!(put("run @ {output}", "0.4").unwrap(), "run 0.4 {output}");
        assert_eq!(put("run @", "{output}").unwrap(), "run '{{output}}'");
        assert_eq!(put("run @", "${x}").unwrap(), "run '${{x}}'");
        assert_eq!(put("run @ b", "").unwrap(), "run '' b");
    }
}
