//! Takes Rust source apart into code, comments and the texts of string literals: enough to look for
//! words in the right place. Knows nothing of syntax beyond that.

/// A source, taken apart. Lines count from 1.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    /// The code; comments and what stands in literals are blank.
    pub(super) code: String,
    /// The comments, by the line where each begins.
    pub(super) comments: Vec<(usize, String)>,
    /// The string literals, escapes not resolved.
    pub(super) strings: Vec<(usize, String)>,
}

/// Takes a source apart.
pub(super) fn lex(source: &str) -> Lexed {
    let mut lexed = Lexed::default();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let before = lexed.code.chars().next_back();
        let word_before = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let (length, kind) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), Kind::Comment),
            '/' if rest.starts_with("/*") => (block_comment(rest), Kind::Comment),
            '"' => (quoted(rest), Kind::Text),
            'r' if !word_before && raw_hashes(rest).is_some() => (raw(rest), Kind::Text),
            '\'' => (char_literal(rest), Kind::Code),
            other => (other.len_utf8(), Kind::Code),
        };
        let (piece, after) = rest.split_at(length);
        match kind {
            Kind::Code if piece.len() > 2 && first == '\'' => lexed.code.push_str("' '"),
            Kind::Code => lexed.code.push_str(piece),
            Kind::Comment => lexed.comments.push((line, piece.to_owned())),
            Kind::Text => {
                let text = piece.trim_start_matches(['r', '#']).trim_end_matches('#');
                let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
                lexed.strings.push((line, inner.unwrap_or(text).to_owned()));
                lexed.code.push_str("\"\"");
            }
        }
        let breaks = piece.matches('\n').count();
        if kind != Kind::Code {
            lexed.code.extend(std::iter::repeat_n('\n', breaks));
        }
        line += breaks;
        rest = after;
    }
    lexed
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let (step, change) = match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (2, 1),
            [b'*', b'/', ..] => (2, -1),
            _ => (1, 0),
        };
        depth += change;
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            c => escaped = !escaped && c == '\\',
        }
    }
    rest.len()
}

/// How many `#` a raw string begins with; `None` when it is not one.
fn raw_hashes(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('r')?;
    let text = after.trim_start_matches('#');
    text.starts_with('"').then(|| after.len() - text.len())
}

fn raw(rest: &str) -> usize {
    let hashes = raw_hashes(rest).unwrap_or_default();
    let begin = hashes + 2;
    let end = format!("\"{}", "#".repeat(hashes));
    rest[begin..]
        .find(&end)
        .map_or(rest.len(), |at| begin + at + end.len())
}

/// A character literal whole, of a lifetime only the quote.
fn char_literal(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[2..]
            .find('\'')
            .map_or(1, |at| match rest.as_bytes()[2] {
                b'\'' => 4,
                _ => at + 3,
            }),
        Some((at, c)) if rest[at + c.len_utf8()..].starts_with('\'') => at + c.len_utf8() + 1,
        _ => 1,
    }
}
