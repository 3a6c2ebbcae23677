//! Reads a text like a shell, as far as that is certain, to find out what surrounds the place of a value.
//!
//! Shells differ in how they read here-documents, backquotes, arithmetic and nested expansions, and a reader of all that would
//! be a shell itself. So this reader knows commands, both kinds of quotes, comments and `$(…)`. It skips other constructs if their
//! contents can have only one meaning. Otherwise it is lost, and stays lost for the rest of the text.

use super::is_of_name;

/// The surroundings of a place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A word, or a part of a word, outside quotes.
    Word,
    /// The inside of quotes or of a comment.
    Quoted,
    /// Unknown surroundings, with the name of the construct that makes them uncertain.
    Uncertain(&'static str),
}

/// A construct that is open at a place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// Commands, with the depth of open parentheses since `$(`; 0 for the commands of the text itself.
    Commands(u32),
    /// `'`
    Single,
    /// `"`
    Double,
    /// `#`
    Comment,
}

/// The beginning of an expansion that a following value could continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    Nothing,
    /// `$`
    Dollar,
    /// `$NAME`
    Name,
    /// `$1`, to which some shells add further digits.
    Digits,
}

/// A here-document whose `<<` was read.
struct Document {
    /// The line that ends it.
    end: String,
    /// Whether its lines may begin with tabs.
    is_indented: bool,
    /// Whether its end was quoted, so that the shell expands nothing in it.
    is_quoted: bool,
}

const DOCUMENT: &str = "a here-document";

/// Characters that separate words.
pub(super) const ENDS_WORDS: [char; 10] = [' ', '\t', '\n', ';', '&', '|', '(', ')', '<', '>'];

/// Reads the written parts of a text one after another, and skips values.
pub(super) struct Reader {
    /// The open constructs, innermost last. Never empty.
    open: Vec<Open>,
    /// The word so far; empty where a word may begin.
    word: String,
    /// The expansion whose name may go on.
    begun: Begun,
    /// The here-documents that begin at the end of the line.
    documents: Vec<Document>,
    /// The construct at which the reader got lost.
    lost: Option<&'static str>,
    /// Whether the last written part ends in a backslash.
    is_escaped: bool,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            open: vec![Open::Commands(0)],
            word: String::new(),
            begun: Begun::Nothing,
            documents: Vec::new(),
            lost: None,
            is_escaped: false,
        }
    }

    fn innermost(&self) -> Open {
        *self.open.last().unwrap_or(&Open::Commands(0))
    }

    /// Returns the surroundings of the current place.
    pub(super) fn at(&self) -> At {
        if let Some(lost) = self.lost {
            return At::Uncertain(lost);
        }
        match self.innermost() {
            _ if self.is_escaped => At::Uncertain("a backslash"),
            _ if self.begun == Begun::Dollar => At::Uncertain("a `$`"),
            Open::Commands(_) => At::Word,
            Open::Single | Open::Double | Open::Comment => At::Quoted,
        }
    }

    /// Whether the current place is certainly inside quotes.
    pub(super) fn is_quoted(&self) -> bool {
        self.lost.is_none() && matches!(self.innermost(), Open::Single | Open::Double)
    }

    /// Returns the word so far.
    pub(super) fn word(&self) -> &str {
        &self.word
    }

    /// Whether a text would be read as a continuation of the variable's name before it.
    pub(super) fn goes_on(&self, text: &str) -> bool {
        let next = text.chars().next();
        next.is_some_and(|next| match self.begun {
            Begun::Nothing => false,
            Begun::Dollar | Begun::Name => is_of_name(next),
            Begun::Digits => next.is_ascii_digit(),
        })
    }

    /// Whether a here-document begins after the current line.
    pub(super) fn awaits_document(&self) -> bool {
        !self.documents.is_empty()
    }

    /// Skips a value in the form in which it was inserted. It opens and closes nothing.
    pub(super) fn pass(&mut self, put: &str) {
        if self.at() == At::Word {
            self.word.push_str(put);
        }
        if !put.is_empty() {
            self.begun = Begun::Nothing;
        }
    }

    /// Reads a written part, up to the next value.
    pub(super) fn read(&mut self, text: &str) {
        self.is_escaped = false;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if self.lost.is_some() {
                return;
            }
            let before = text[..text.len() - rest.len()].chars().next_back();
            let after = &rest[c.len_utf8()..];
            let innermost = self.innermost();
            let depth = self.open.len() - usize::from(innermost == Open::Comment);
            if c == '\n' && depth > 1 && self.awaits_document() {
                self.lose(DOCUMENT, after);
                return;
            }
            rest = match innermost {
                Open::Single => self.closes(c == '\'', after),
                Open::Double if c == '"' => self.closes(true, after),
                Open::Comment if c != '\n' => after,
                Open::Comment => {
                    self.open.pop();
                    self.end_line(after)
                }
                Open::Double => self.expansion(c, before, after),
                Open::Commands(depth) => self.command(c, before, after, depth),
            };
        }
    }

    /// Reads a character inside quotes, which closes them if `closes`, and returns the rest.
    fn closes<'t>(&mut self, closes: bool, after: &'t str) -> &'t str {
        self.begun = Begun::Nothing;
        if closes {
            self.open.pop();
        }
        after
    }

    /// Opens a construct inside the word, and returns the rest.
    fn opens<'t>(&mut self, open: Open, after: &'t str) -> &'t str {
        self.begun = Begun::Nothing;
        self.open.push(open);
        after
    }

    /// Reads a character of commands, and returns the rest.
    fn command<'t>(
        &mut self,
        c: char,
        before: Option<char>,
        after: &'t str,
        depth: u32,
    ) -> &'t str {
        if !ENDS_WORDS.contains(&c) {
            let is_first = self.word.is_empty();
            // A backslash before a line end continues the line, and is no part of a word.
            if !(c == '\\' && after.starts_with('\n')) {
                self.word.push(c);
            }
            return match c {
                '\'' if self.begun == Begun::Dollar => self.lose("`$'…'`", after),
                '\'' => self.opens(Open::Single, after),
                '"' => self.opens(Open::Double, after),
                '#' if is_first => self.opens(Open::Comment, after),
                _ => self.expansion(c, before, after),
            };
        }
        // The patterns of `case` have parentheses, which would be counted as closing `$(`.
        if depth > 0 && self.word == "case" {
            return self.lose("`case` within `$(…)`", after);
        }
        self.word.clear();
        self.begun = Begun::Nothing;
        match c {
            '\n' => return self.end_line(after),
            '<' if after.starts_with('<') => return self.announce(&after[1..]),
            // Some shells read `((` as arithmetic.
            '(' if after.starts_with('(') => return self.lose("`((`", after),
            // At depth 0 parentheses are not counted: `)` ends a pattern of `case`, or a subshell in the text itself.
            '(' if depth > 0 => self.count(depth + 1),
            ')' if depth > 1 => self.count(depth - 1),
            ')' if depth == 1 => {
                self.open.pop();
                self.word.push(')');
            }
            _ => {}
        }
        after
    }

    /// Reads a character that may have a meaning inside double quotes too, and returns the rest.
    fn expansion<'t>(&mut self, c: char, before: Option<char>, after: &'t str) -> &'t str {
        match c {
            '\\' => {
                let next = after.chars().next();
                match next {
                    None => self.is_escaped = true,
                    // A continued line adds nothing, unless it splits a sign such as `$(` or `<<`.
                    Some('\n') if before.is_some_and(|it| "$<(".contains(it)) => {
                        return self.lose("a line that goes on within a sign", after);
                    }
                    Some('\n') => {}
                    Some(next) => {
                        self.begun = Begun::Nothing;
                        self.word.push(next);
                    }
                }
                return &after[next.map_or(0, char::len_utf8)..];
            }
            '`' => return self.over(after, '`', " _-+=.,:/@%", "backquotes"),
            '$' if self.begun == Begun::Dollar => self.begun = Begun::Nothing,
            '$' if after.starts_with("((") => return self.arithmetic(&after[2..]),
            '$' if after.starts_with('(') => {
                // The word goes on after the expansion, and is then not a reserved word or a name.
                self.word.clear();
                return self.opens(Open::Commands(1), &after[1..]);
            }
            '$' if after.starts_with('{') => {
                return self.over(&after[1..], '}', "_#:-+=?%./*@!", "an expansion `${…}`");
            }
            '$' if after.starts_with('[') => return self.lose("`$[…]`", after),
            '$' => self.begun = Begun::Dollar,
            _ => {
                self.begun = match self.begun {
                    Begun::Dollar | Begun::Digits if c.is_ascii_digit() => Begun::Digits,
                    Begun::Dollar | Begun::Name if is_of_name(c) => Begun::Name,
                    _ => Begun::Nothing,
                }
            }
        }
        after
    }

    /// Skips a construct up to the sign that ends it, if it contains only letters, digits and the given signs.
    fn over<'t>(&mut self, inner: &'t str, end: char, signs: &str, what: &'static str) -> &'t str {
        self.begun = Begun::Nothing;
        let plain = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
        match inner.trim_start_matches(plain).strip_prefix(end) {
            Some(after) => after,
            None => self.lose(what, inner),
        }
    }

    /// Skips arithmetic, if it contains only plain signs.
    fn arithmetic<'t>(&mut self, inner: &'t str) -> &'t str {
        self.begun = Begun::Nothing;
        let mut depth = 2;
        for (at, c) in inner.char_indices() {
            match c {
                '(' => depth += 1,
                ')' if depth > 2 => depth -= 1,
                ')' if inner[at..].starts_with("))") => return &inner[at + 2..],
                _ if c.is_ascii_alphanumeric() || " _$+-*/%<>=!&|^~?:,".contains(c) => {}
                _ => break,
            }
        }
        self.lose("arithmetic `$((…))`", inner)
    }

    fn lose<'t>(&mut self, what: &'static str, after: &'t str) -> &'t str {
        self.lost = Some(what);
        after
    }

    fn count(&mut self, depth: u32) {
        self.open.pop();
        self.open.push(Open::Commands(depth));
    }

    /// Reads the word after `<<`, which is the line that ends the here-document.
    fn announce<'t>(&mut self, after: &'t str) -> &'t str {
        let bare = after.strip_prefix('-');
        let word = bare.unwrap_or(after).trim_start_matches([' ', '\t']);
        let quote = word.chars().next().filter(|c| ['\'', '"'].contains(c));
        let name = quote.map_or(word, |_| &word[1..]);
        let rest = name.trim_start_matches(is_of_name);
        let end = name[..name.len() - rest.len()].to_owned();
        let rest = quote.map_or(Some(rest), |quote| rest.strip_prefix(quote));
        let ends = |rest: &&str| rest.starts_with(ENDS_WORDS);
        match rest.filter(ends) {
            // Shells do not agree on where here-documents within `$(…)` begin.
            Some(rest) if !end.is_empty() && self.open.len() == 1 => {
                self.documents.push(Document {
                    end,
                    is_indented: bare.is_some(),
                    is_quoted: quote.is_some(),
                });
                rest
            }
            _ => self.lose(DOCUMENT, after),
        }
    }

    /// Ends a line of commands: skips its here-documents, if their lines are plain.
    fn end_line<'t>(&mut self, after: &'t str) -> &'t str {
        self.word.clear();
        let mut rest = after;
        for document in std::mem::take(&mut self.documents) {
            loop {
                let Some((line, after)) = rest.split_once('\n') else {
                    return self.lose(DOCUMENT, rest);
                };
                rest = after;
                let bare = match document.is_indented {
                    true => line.trim_start_matches('\t'),
                    false => line,
                };
                if bare == document.end {
                    break;
                }
                // Inside an expansion, some shells read on past the line that ends the here-document.
                let expands =
                    line.contains(['\\', '`']) || line.contains("$(") || line.contains("${");
                if expands && !document.is_quoted {
                    return self.lose(DOCUMENT, rest);
                }
            }
        }
        rest
    }
}
