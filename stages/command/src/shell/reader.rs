//! Reads a text as a shell does, as far as that is plain, to tell what stands where a value is put in.

use std::collections::VecDeque;

use contract::Piece;

use super::is_of_name;

/// What stands at a place of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
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
pub(super) struct Reader {
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
    pub(super) lost: bool,
}

impl Reader {
    pub(super) fn new() -> Self {
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
    pub(super) fn at(&self) -> At {
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

    pub(super) fn takes_words(&self) -> bool {
        self.at() == At::Word
    }

    /// Whether a value would be read as a part of the name of a variable before it.
    pub(super) fn goes_on(&self, value: &str, rest: &[Piece<'_>]) -> bool {
        // Where nothing is put in, what comes next is put there.
        let texts = std::iter::once(value).chain(rest.iter().map(Piece::text));
        let next = texts.flat_map(str::chars).next();
        !self.lost && !self.escaped && next.is_some_and(|next| self.begun.takes(next))
    }

    /// Whether a value would be read as the number of a file that is redirected.
    pub(super) fn names_file(&self, value: &str, rest: &[Piece<'_>]) -> bool {
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
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether the text would end with a line that a value makes the end of a here-document.
    pub(super) fn would_end(&self) -> bool {
        !self.lost && self.has_value && self.is_end(&self.line)
    }

    /// Passes over a value, which opens and closes nothing.
    pub(super) fn pass(&mut self, value: &str) {
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
    pub(super) fn read(&mut self, text: &str) {
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
