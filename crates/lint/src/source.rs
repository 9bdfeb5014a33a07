//! Source text, looked at as closely as the rules need: which language it is in, what is comment, what is a word, where
//! a block ends. It understands no program.

use std::path::Path;

/// Languages that commands are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    Python,
    Go,
    C,
    Shell,
}

/// By the file's extension, or by the interpreter that its first line names.
pub(crate) fn language(path: &Path, text: &str) -> Option<Language> {
    let by_extension = match path.extension().and_then(|extension| extension.to_str()).unwrap_or_default() {
        "rs" => Some(Language::Rust),
        "py" => Some(Language::Python),
        "go" => Some(Language::Go),
        "c" | "cc" | "cpp" | "h" | "hpp" => Some(Language::C),
        "sh" | "bash" => Some(Language::Shell),
        _ => None,
    };
    let first = text.lines().next().filter(|line| line.starts_with("#!")).unwrap_or_default();
    by_extension.or_else(|| {
        if first.contains("python") {
            Some(Language::Python)
        } else if first.ends_with("sh") || first.contains("sh ") {
            Some(Language::Shell)
        } else {
            None
        }
    })
}

/// Whether the file is the source of something that is built, and is not run itself.
pub(crate) fn is_compiled(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["rs", "go", "c", "cc", "cpp", "h", "hpp", "java"].contains(&extension)
}

/// The text with comments and the contents of strings blanked, so that lines and columns stay what they are.
pub(crate) fn code(text: &str, language: Language) -> String {
    blanked(text, language, true)
}

/// The text with comments blanked.
pub(crate) fn without_comments(text: &str, language: Language) -> String {
    blanked(text, language, false)
}

fn blanked(text: &str, language: Language, strings_too: bool) -> String {
    let hash = matches!(language, Language::Python | Language::Shell);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut at_word_start = true;
    while let Some(c) = rest.chars().next() {
        let comment = if hash { c == '#' && at_word_start } else { rest.starts_with("//") };
        let length = if comment {
            rest.find('\n').unwrap_or(rest.len())
        } else if !hash && rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            0
        };
        at_word_start = c.is_whitespace() || c == ';';
        if length > 0 {
            blank(&mut out, &rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let quoted = string_length(rest, language);
        let taken = quoted.unwrap_or(c.len_utf8());
        match quoted {
            Some(length) if strings_too && length > 2 => {
                out.push_str(&rest[..1]);
                blank(&mut out, &rest[1..length - 1]);
                out.push_str(&rest[length - 1..length]);
            }
            _ => out.push_str(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    out
}

fn blank(out: &mut String, text: &str) {
    out.extend(text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
}

/// How long the string is that begins here, with its quotes; `None` where none begins. Quotes are ASCII.
fn string_length(rest: &str, language: Language) -> Option<usize> {
    let quote = rest.chars().next().filter(|c| ['"', '\'', '`'].contains(c))?;
    match (language, quote) {
        // Lifetimes and characters, arithmetic, and whatever a shell does with them.
        (Language::Rust | Language::C, '\'')
        | (Language::Rust | Language::C | Language::Python | Language::Shell, '`') => {
            return None;
        }
        _ => {}
    }
    let triple = [quote; 3].iter().collect::<String>();
    if language == Language::Python && rest.starts_with(&triple) {
        return Some(rest[3..].find(&triple).map_or(rest.len(), |end| end + 6));
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if c == quote && !escaped {
            return Some(at + 1);
        }
        escaped = c == '\\' && !escaped && quote != '`';
    }
    None
}

/// The words of a text: what could be names.
pub(crate) fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect()
}

/// The block that begins on line `n`, by its braces.
pub(crate) fn braced(lines: &[&str], n: usize) -> String {
    let (mut depth, mut opened) = (0_usize, false);
    let mut body = String::new();
    for line in &lines[n..] {
        body.push_str(line);
        body.push('\n');
        for c in line.chars() {
            match c {
                '{' => (depth, opened) = (depth + 1, true),
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if opened && depth == 0 || !opened && line.trim_end().ends_with(';') {
            break;
        }
    }
    body
}

/// The block that begins on line `n`, by its indentation.
pub(crate) fn indented(lines: &[&str], n: usize) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(lines[n]);
    let mut body = format!("{}\n", lines[n]);
    let mut in_head = !lines[n].trim_end().ends_with(':');
    for line in &lines[n + 1..] {
        if !in_head && !line.trim().is_empty() && indent(line) <= own {
            break;
        }
        in_head &= !line.trim_end().ends_with(':');
        body.push_str(line);
        body.push('\n');
    }
    body
}
