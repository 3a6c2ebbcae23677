//! Values of variables in a text for the shell: data, whatever they hold.
//!
//! A value of letters, digits and the few signs that mean nothing to a shell is put in as it is. Any other becomes one quoted
//! word, as `shlex.quote` of Python's has it, where the shell takes words. Within quotes and here-documents quoting again would
//! open the quotes, and a text there is often for another interpreter: such a value is refused, with the way that is always
//! right, a variable of the environment.
//!
//! Two places lend a meaning to a plain value as well: digits before `<` or `>` are the number of a file, and what follows
//! `$NAME` goes on with that name. There it is quoted too, or refused. And no value may make a line of a here-document the one
//! that ends it.
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
    // Where each value begins in the text.
    let mut values = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Written(written) => {
                reader.read(written);
                text.push_str(written);
            }
            Piece::Value { name, text: value } => {
                let rest = &pieces[at + 1..];
                let is_safe =
                    value.chars().all(is_plain) && !(value.is_empty() && reader.takes_words());
                let put = match reader.at() {
                    At::Word if is_safe => {
                        match reader.names_file(value, rest) || reader.goes_on(value, rest) {
                            true => shell_quoted(value),
                            false => value.to_string(),
                        }
                    }
                    _ if reader.goes_on(value, rest) => {
                        return Err(refused(name, value, FOLLOWS));
                    }
                    _ if is_safe => value.to_string(),
                    At::Word if is_all => return Err(no_code(name)),
                    At::Word => shell_quoted(value),
                    At::Text if value.chars().all(|c| c == ' ' || is_plain(c)) => value.to_string(),
                    At::Text => return Err(refused(name, value, WITHIN)),
                    At::Unknown => return Err(refused(name, value, UNTOLD)),
                };
                reader.pass(&put);
                values.push((text.len(), name, value));
                text.push_str(&super::places::braces_doubled(&put));
            }
        }
        if reader.is_cut()
            && let Some((_, name, value)) = values.last()
        {
            return Err(refused(name, value, ENDS));
        }
    }
    if reader.would_end()
        && let Some((_, name, value)) = values.last()
    {
        return Err(refused(name, value, ENDS));
    }
    if reader.lost
        && let Some((_, name, value)) = values.iter().find(|(at, ..)| may_end(&text, *at))
    {
        return Err(refused(name, value, ENDS));
    }
    Ok(text)
}

/// Whether the line of a place of a text is what stands after some `<<`, where more cannot be told.
fn may_end(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at(at);
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    let end = after.find('\n').map_or(text.len(), |end| at + end);
    let line = text[begin..end].trim_start_matches('\t');
    let is_end = |after: &str| {
        after
            .trim_start_matches(['-', ' ', '\t', '\'', '"', '\\'])
            .strip_prefix(line)
            .is_some_and(|rest| !rest.starts_with(is_of_name))
    };
    !line.is_empty() && text.split("<<").skip(1).any(is_end)
}

/// Whether a character goes on with the name of a variable.
fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
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

const WITHIN: &str = "stands within quotes, a here-document or a comment, and its value holds what a shell may take for code";
const UNTOLD: &str = "stands where it cannot be told how the shell would read it, and its value holds what a shell may take for code";
const FOLLOWS: &str = "follows a variable of the shell's own, and its value would be read as a part of that one's name";
const ENDS: &str = "stands in a here-document, and its value makes its line the one that ends it";

fn refused(name: &str, value: &str, why: &str) -> Problem {
    let short: String = value.chars().take(40).collect();
    Problem::value("shell", format!("`{name}` {why}: {short:?}"))
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

/// What a value that follows would go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    Nothing,
    /// `$`
    Dollar,
    /// `$NAME`
    Name,
    /// `$1`, with which some shells take more digits.
    Digits,
}

impl Begun {
    /// Returns what is begun after one more character.
    fn then(self, c: char) -> Self {
        match self {
            Self::Dollar if c == '$' => Self::Nothing,
            _ if c == '$' => Self::Dollar,
            Self::Dollar | Self::Digits if c.is_ascii_digit() => Self::Digits,
            Self::Dollar | Self::Name if is_of_name(c) => Self::Name,
            _ => Self::Nothing,
        }
    }

    /// Whether it takes one more character.
    fn takes(self, c: char) -> bool {
        match self {
            Self::Nothing => false,
            Self::Dollar => is_of_name(c) || "-@".contains(c),
            Self::Name => is_of_name(c),
            Self::Digits => c.is_ascii_digit(),
        }
    }
}

/// A here-document that has been announced.
struct Document {
    /// The line that ends it.
    end: String,
    /// Whether its lines may begin with tabs.
    is_indented: bool,
    /// Whether the shell leaves it as it is.
    is_quoted: bool,
}

/// Reads what is written as a shell does, as far as needed to know what is quoted.
struct Reader {
    /// What is open, innermost last; never empty.
    open: Vec<Open>,
    /// Whether a word may begin here.
    begins: bool,
    /// Whether the last character was a backslash that takes the meaning from the next.
    escaped: bool,
    /// The variable of the shell's that is being named.
    begun: Begun,
    /// Whether a word may begin here or has had only digits so far.
    counts: bool,
    /// The here-documents that are to come.
    documents: VecDeque<Document>,
    /// The line of a here-document so far.
    line: String,
    /// Whether it is put together of lines that end in a backslash.
    is_continued: bool,
    /// Whether there is a value in it.
    has_value: bool,
    /// Whether a line with a value in it has ended a here-document.
    is_cut: bool,
    /// Whether it cannot be told any more what is open.
    lost: bool,
}

impl Reader {
    fn new() -> Self {
        Self {
            open: vec![Open::Commands(0)],
            begins: true,
            escaped: false,
            begun: Begun::Nothing,
            counts: true,
            documents: VecDeque::new(),
            line: String::new(),
            is_continued: false,
            has_value: false,
            is_cut: false,
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
            // Quotes would belong to the `$`.
            Open::Commands(_) if self.begun == Begun::Dollar => At::Unknown,
            Open::Commands(_) => At::Word,
            Open::Single | Open::Double | Open::Comment | Open::Document => At::Text,
            Open::Arithmetic(_) => At::Unknown,
        }
    }

    fn takes_words(&self) -> bool {
        self.at() == At::Word
    }

    /// Whether a value would be read as a part of the name of a variable before it.
    fn goes_on(&self, value: &str, rest: &[Piece<'_>]) -> bool {
        // Where nothing is put in, what comes next is put there.
        let texts = std::iter::once(value).chain(rest.iter().map(Piece::text));
        let next = texts.flat_map(str::chars).next();
        !self.lost && !self.escaped && next.is_some_and(|next| self.begun.takes(next))
    }

    /// Whether a value would be read as the number of a file that is redirected.
    fn names_file(&self, value: &str, rest: &[Piece<'_>]) -> bool {
        let is_digit = |c: char| c.is_ascii_digit();
        if !self.counts || !value.chars().all(is_digit) {
            return false;
        }
        for piece in rest {
            let text = piece.text().replace("\\\n", "");
            match (piece, text.trim_start_matches(is_digit).chars().next()) {
                (_, None) => {}
                (Piece::Written(_), Some(next)) => return "<>".contains(next),
                (Piece::Value { .. }, Some(_)) => return false,
            }
        }
        false
    }

    /// Whether a value has ended a here-document.
    fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the text would end with a line that a value makes the end of a here-document.
    fn would_end(&self) -> bool {
        !self.lost && self.has_value && self.is_end(&self.line)
    }

    /// Passes over a value, which opens and closes nothing.
    fn pass(&mut self, value: &str) {
        self.escaped = false;
        self.begins = false;
        self.counts &= value.chars().all(|c| c.is_ascii_digit());
        if !value.is_empty() {
            self.begun = Begun::Nothing;
        }
        if self.innermost() == Open::Document {
            self.line.push_str(value);
            self.has_value = true;
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
                // With the end of a line the backslash is nothing.
                if c != '\n' {
                    self.begun = Begun::Nothing;
                    self.counts = false;
                }
                rest = after;
                continue;
            }
            let begun = self.begun_after(c);
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
            let is_whole = rest.len() < after.len();
            self.begun = if is_whole { Begun::Nothing } else { begun };
            self.counts = self.begins || self.counts && (self.escaped || c.is_ascii_digit());
        }
    }

    /// Returns what is begun after a character that is not escaped, other than in a here-document.
    fn begun_after(&self, c: char) -> Begun {
        match self.innermost() {
            Open::Single | Open::Comment => Begun::Nothing,
            Open::Document if self.is_left() => Begun::Nothing,
            Open::Document if self.is_escaping() && c != '\n' => Begun::Nothing,
            Open::Document if self.is_escaping() => self.begun,
            _ if c == '\\' => self.begun,
            _ => self.begun.then(c),
        }
    }

    /// Whether the shell leaves this here-document as it is.
    fn is_left(&self) -> bool {
        let document = self.documents.front();
        document.is_some_and(|document| document.is_quoted)
    }

    /// Whether the line of a here-document ends in a backslash that is not escaped itself.
    fn is_escaping(&self) -> bool {
        let line = self.line.trim_end_matches('\\');
        (self.line.len() - line.len()) % 2 == 1
    }

    /// Whether a line ends the here-document.
    fn is_end(&self, line: &str) -> bool {
        self.documents.front().is_some_and(|document| {
            let line = match document.is_indented {
                true => line.trim_start_matches('\t'),
                false => line,
            };
            line == document.end
        })
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
        const ENDERS: [char; 8] = [' ', '\t', '\n', ';', '|', '&', ')', '>'];
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
            || rest.starts_with(ENDERS),
            |quote| {
                rest.strip_prefix(quote)
                    .is_some_and(|rest| rest.starts_with(ENDERS))
            },
        );
        // Of documents within quotes it is not plain where they begin.
        if name.is_empty() || !ends || self.open.len() > 1 {
            self.lost = true;
            return "";
        }
        self.documents.push_back(Document {
            end: name.to_owned(),
            is_indented,
            is_quoted: quote.is_some(),
        });
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
        if !self.is_left() && self.is_escaping() {
            self.line.pop();
            self.is_continued = true;
            return;
        }
        let line = std::mem::take(&mut self.line);
        let is_continued = std::mem::take(&mut self.is_continued);
        let has_value = std::mem::take(&mut self.has_value);
        if !self.is_end(&line) {
            return;
        }
        self.is_cut |= has_value;
        // It ends the document to some shells only.
        self.lost |= is_continued;
        self.documents.pop_front();
        if self.documents.is_empty() {
            self.open.pop();
            self.begins = true;
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

    /// What a shell says of a text.
    fn said(text: &str) -> String {
        let ran = Command::new("sh").args(["-euc", text]).output().unwrap();
        assert!(ran.status.success(), "{text:?}: {ran:?}");
        String::from_utf8(ran.stdout).unwrap()
    }

    #[test]
    fn digits_before_a_redirection_are_a_word() {
        for (text, value, means) in [
            ("echo @>&1", "2", "2"),
            ("echo @\\\n>&1", "2", "2"),
            ("echo @@>&1", "2", "22"),
            ("echo @1>&1", "2", "21"),
            ("echo 1@>&1", "2", "12"),
            ("cat - @</dev/null 2>&1 || :", "0", "0"),
            ("echo \"$(echo @>&1)\"", "2", "2"),
            ("true;echo @>&1", "1", "1"),
            ("cat <<E >/dev/null\nx\nE\necho @>&1", "1", "1"),
        ] {
            let joined = put(text, value).unwrap();
            assert!(said(&joined).contains(means), "{joined:?}");
        }
        assert_eq!(
            put("echo @>{output}/x", "2").unwrap(),
            "echo '2'>{output}/x"
        );
        for (text, value) in [
            ("echo @ >{output}/x", "2"),
            ("echo @>{output}/x", "2a"),
            ("echo a@>{output}/x", "2"),
            ("echo --n=@>{output}/x", "2"),
            ("echo \"@>1\"", "2"),
            ("echo $((@>1))", "2"),
        ] {
            assert_eq!(put(text, value).unwrap(), text.replace('@', value));
        }
    }

    #[test]
    fn a_value_after_a_variable_is_no_part_of_its_name() {
        for (text, value, means) in [
            ("x=1; xy=2; echo $x@", "y", "1y\n"),
            ("x=1; x_=2; echo a$x@", "_", "a1_\n"),
            ("x=1; x7=2; echo $x\\\n@", "7", "17\n"),
            ("x=1; xy=2; xyy=3; echo $x@@", "y", "1yy\n"),
            ("x=1; echo \"$x\"@ \"$x-@\" \"${x}@\"", "y", "1y 1-y 1y\n"),
            ("x=1; echo \"$x@\"", "-y", "1-y\n"),
            ("x=1; echo \\$x@ \"\\$x@\" '$x@'", "y", "$xy $xy $xy\n"),
            ("cat <<'E'\n$x@\nE\n", "y", "$xy\n"),
            ("cat <<E\n\\$x@\nE\n", "y", "$xy\n"),
            ("f() { echo \"$1@\"; }; f a", "y", "ay\n"),
        ] {
            let joined = put(text, value).unwrap();
            assert_eq!(said(&joined), means, "{joined:?}");
        }
        assert_eq!(put("echo $x@", "y").unwrap(), "echo $x'y'");
        assert_eq!(put("echo $x@", "-y").unwrap(), "echo $x-y");
        for (text, value) in [
            ("echo \"$x@\"", "y"),
            ("echo \"$x@\"", "1"),
            ("echo \"$x@\"", "y z"),
            ("echo \"$x\\\n@\"", "_"),
            ("echo \"$x@y\"", ""),
            ("echo \"$(echo \"$x@\")\"", "y"),
            ("echo $(($x@))", "1"),
            ("cat <<E\n$x@\nE\n", "y"),
            ("cat <<E\n\\\\$x@\nE\n", "y"),
        ] {
            assert!(put(text, value).is_err(), "{text:?} takes {value:?}");
        }
        let problem = put("echo \"$d@\"", "y").unwrap_err();
        insta::assert_snapshot!(
            format!("{}\n{}", problem.message, problem.help.unwrap()),
            @r#"
        `x` follows a variable of the shell's own, and its value would be read as a part of that one's name: "y"
        hand it over by the environment: env = { X = "${x}" } and "$X" here; outside of quotes it is quoted by itself
        "#
        );
    }

    #[test]
    fn no_value_ends_a_here_document() {
        for (text, value) in [
            ("cat <<END\n@\necho ran\nEND\n", "END"),
            ("cat <<'END'\n@\necho ran\nEND\n", "END"),
            ("cat <<-END\n\t\t@\necho ran\n\tEND\n", "END"),
            ("cat <<END\nE@\necho ran\nEND\n", "ND"),
            ("cat <<END\n@D\necho ran\nEND\n", "EN"),
            ("cat <<EE\n@@\necho ran\nEE\n", "E"),
            ("cat <<END\nEND@\necho ran\nEND\n", ""),
            ("cat <<END\nE\\\n@\necho ran\nEND\n", "ND"),
            ("cat <<A - <<B\nA\n@\necho ran\nB\n", "B"),
            ("cat <<END\na\n@", "END"),
            // Where it is not told what is open.
            ("echo \"$(cat <<END\n@\necho ran\nEND\n)\"", "END"),
            ("cat <<\\END\nE@\necho ran\nEND\n", "ND"),
        ] {
            let problem = put(text, value).unwrap_err();
            assert!(problem.message.contains("here-document"), "{problem:?}");
        }
        for (text, value, means) in [
            ("cat <<END\n@\nEND\n", "EN", "EN\n"),
            ("cat <<END\n@.\n @\nEND\n", "END", "END.\n END\n"),
            ("cat <<END\n\t@\nEND\n", "END", "\tEND\n"),
            ("cat <<END\nEND\necho @\n", "END", "END\n"),
            ("cat <<A >/dev/null; cat <<B\n@\nA\nB\n", "B", ""),
            ("cat <<END\nEND@\nEND\n", "S", "ENDS\n"),
            // The line goes on, so the document does.
            ("cat <<END\na\\\nEND\n\"@\nEND\n", "b", "aEND\n\"b\n"),
            ("cat <<'END'\na\\\nEND\necho @", "b c", "a\\\nb c\n"),
            ("echo \"$(cat <<END\n@\nEND\n)\"", "EN", "EN\n"),
        ] {
            let joined = put(text, value).unwrap();
            assert_eq!(said(&joined), means, "{joined:?}");
        }
        assert!(put("cat <<END\na\\\nEND\n@\nEND\n", "$(echo ran)").is_err());
        assert!(put("cat <<'E'F\nE\n@\nEF\n", "$(echo ran)").is_err());
    }
}
