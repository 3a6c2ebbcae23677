//! Reads a text as a shell does, as far as that is certain, to tell what stands where a value is put in.
//!
//! Shells differ in how they read here-documents, old backquotes, arithmetic and nested expansions, and a reader of all
//! that would be a shell. So it knows commands, both quotes, comments and `$(…)`; steps over the rest where what is written
//! there can mean one thing only; and is lost otherwise, once and for all.

use super::is_of_name;

/// What stands at a place of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// A word, or a part of one, that is not quoted.
    Word,
    /// Within quotes, or in a comment.
    Quoted,
    /// Anything; with what it follows or stands in.
    Uncertain(&'static str),
}

/// What is open at a place of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    /// Commands, in so many parentheses since `$(`; in none, those of the text itself.
    Commands(u32),
    /// `'`
    Single,
    /// `"`
    Double,
    /// `#`
    Comment,
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

/// A here-document that has been announced.
struct Document {
    /// The line that ends it.
    end: String,
    /// Whether its lines may begin with tabs.
    is_indented: bool,
    /// Whether the shell leaves it as it is.
    is_quoted: bool,
}

const DOCUMENT: &str = "a here-document";

/// What stands between words, or ends one.
pub(super) const ENDS_WORDS: [char; 10] = [' ', '\t', '\n', ';', '&', '|', '(', ')', '<', '>'];

/// Reads what is written, piece by piece, and passes over values.
pub(super) struct Reader {
    /// What is open, innermost last; never empty.
    open: Vec<Open>,
    /// The word so far: empty where one may begin.
    word: String,
    /// The variable of the shell's that is being named.
    begun: Begun,
    /// The here-documents that begin at the end of the line.
    documents: Vec<Document>,
    /// What has made it lose its way.
    lost: Option<&'static str>,
    /// Whether what was written last ends in a backslash.
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

    /// Returns what stands here.
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

    /// Whether it is certain that quotes are open here.
    pub(super) fn is_quoted(&self) -> bool {
        self.lost.is_none() && matches!(self.innermost(), Open::Single | Open::Double)
    }

    /// Returns the word so far.
    pub(super) fn word(&self) -> &str {
        &self.word
    }

    /// Whether a text would be read as a part of the name of the variable before it.
    pub(super) fn goes_on(&self, text: &str) -> bool {
        let next = text.chars().next();
        next.is_some_and(|next| match self.begun {
            Begun::Nothing => false,
            Begun::Dollar | Begun::Name => is_of_name(next),
            Begun::Digits => next.is_ascii_digit(),
        })
    }

    /// Whether a here-document begins at the end of the line.
    pub(super) fn awaits_document(&self) -> bool {
        !self.documents.is_empty()
    }

    /// Passes over a value as it was put in, which opens and closes nothing.
    pub(super) fn pass(&mut self, put: &str) {
        if self.at() == At::Word {
            self.word.push_str(put);
        }
        if !put.is_empty() {
            self.begun = Begun::Nothing;
        }
    }

    /// Reads what is written up to the next value.
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

    /// Reads a character within quotes.
    fn closes<'t>(&mut self, closes: bool, after: &'t str) -> &'t str {
        self.begun = Begun::Nothing;
        if closes {
            self.open.pop();
        }
        after
    }

    /// Opens something within the word.
    fn opens<'t>(&mut self, open: Open, after: &'t str) -> &'t str {
        self.begun = Begun::Nothing;
        self.open.push(open);
        after
    }

    /// Reads a character of commands, and returns what is left.
    fn command<'t>(
        &mut self,
        c: char,
        before: Option<char>,
        after: &'t str,
        depth: u32,
    ) -> &'t str {
        if !ENDS_WORDS.contains(&c) {
            let is_first = self.word.is_empty();
            // A line that goes on begins no word.
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
        // The parentheses of its patterns would be counted.
        if depth > 0 && self.word == "case" {
            return self.lose("`case` within `$(…)`", after);
        }
        self.word.clear();
        self.begun = Begun::Nothing;
        match c {
            '\n' => return self.end_line(after),
            '<' if after.starts_with('<') => return self.announce(&after[1..]),
            // Arithmetic to some shells.
            '(' if after.starts_with('(') => return self.lose("`((`", after),
            // The end of an outermost one is that of a pattern of `case`, or of one that has begun here.
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

    /// Reads a character that may mean something within double quotes as well.
    fn expansion<'t>(&mut self, c: char, before: Option<char>, after: &'t str) -> &'t str {
        match c {
            '\\' => {
                let next = after.chars().next();
                match next {
                    None => self.is_escaped = true,
                    // Nothing, unless it stands within what is one sign.
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
                // The word around it goes on behind it, as one that is no name.
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

    /// Steps over what ends in a sign, if nothing stands in it but letters, digits and some signs.
    fn over<'t>(&mut self, inner: &'t str, end: char, signs: &str, what: &'static str) -> &'t str {
        self.begun = Begun::Nothing;
        let plain = |c: char| c.is_ascii_alphanumeric() || signs.contains(c);
        match inner.trim_start_matches(plain).strip_prefix(end) {
            Some(after) => after,
            None => self.lose(what, inner),
        }
    }

    /// Steps over arithmetic, if it is plain.
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

    /// Reads the word after `<<`, which ends a here-document.
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
            // Of those within `$(…)` shells do not agree where they begin.
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

    /// A line of commands has ended: steps over the here-documents that it has announced, if their lines are plain.
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
                // Within an expansion some shells go on over the line that ends it.
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
