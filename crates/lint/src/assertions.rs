//! Assertions in sources: each message once, and each that must be hit called from some command.
//!
//! Who calls whom is told by names alone: a definition is within reach if its name occurs within reach of a command. That
//! takes more to be reached than is, never less.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{self, Language};
use crate::{File, Finding, Rule, is_command};

/// Names that are called without being named.
const IMPLICIT: [&str; 12] = [
    "main",
    "drop",
    "fmt",
    "from",
    "clone",
    "next",
    "poll",
    "default",
    "__init__",
    "__enter__",
    "__exit__",
    "init",
];

/// One call of an SDK's assertion.
#[derive(Debug, Clone)]
struct Site<'a> {
    file: &'a File,
    line: usize,
    /// The literal, or the constant that stands for it.
    message: String,
    must_hit: bool,
    /// The innermost definition around it.
    within: Option<String>,
}

/// Something that can be called.
struct Definition {
    name: String,
    body: String,
}

pub(crate) fn findings(files: &[File]) -> Vec<Finding> {
    let mut constants = BTreeMap::new();
    let (mut sites, mut definitions, mut reached) = (Vec::new(), Vec::new(), BTreeSet::new());
    for file in files.iter().filter(|file| !crate::is_of_tests(&file.path)) {
        let Some(text) = file.text() else { continue };
        let Some(language) = source::language(&file.path, text) else { continue };
        let code = source::code(text, language);
        let text = source::without_comments(text, language);
        if language == Language::Rust {
            constants.extend(string_constants(&text));
        }
        let of_file = definitions_of(&code, language);
        if uses_sdk(&text, language) {
            sites.extend(sites_of(file, &text, &code, language, &of_file));
        }
        if is_command(&file.path) {
            reached.extend(source::words(&code).into_iter().map(str::to_owned));
        } else {
            definitions.extend(of_file.into_iter().map(|(_, definition)| definition));
        }
    }
    let reached = closure(reached, &definitions);
    for site in &mut sites {
        if let Some(text) = constants.get(&site.message) {
            site.message.clone_from(text);
        }
    }
    let mut found = duplicates(&sites);
    found.extend(unreachable(&sites, &reached));
    found
}

/// Everything that is within reach of these names.
fn closure(mut reached: BTreeSet<String>, definitions: &[Definition]) -> BTreeSet<String> {
    let mut by_name: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Definition { name, body } in definitions {
        by_name.entry(name).or_default().push(body);
    }
    let mut waiting: Vec<String> = reached.iter().cloned().collect();
    while let Some(name) = waiting.pop() {
        for body in by_name.get(name.as_str()).into_iter().flatten() {
            for word in source::words(body) {
                if reached.insert(word.to_owned()) {
                    waiting.push(word.to_owned());
                }
            }
        }
    }
    reached
}

fn duplicates(sites: &[Site<'_>]) -> Vec<Finding> {
    let mut first: BTreeMap<&str, &Site<'_>> = BTreeMap::new();
    let mut found = Vec::new();
    for site in sites {
        match first.get(site.message.as_str()) {
            None => _ = first.insert(&site.message, site),
            Some(other) => {
                let what = format!(
                    "{:?} is asserted at {}:{}, too",
                    site.message,
                    other.file.path.display(),
                    other.line
                );
                found.push(site.file.finding(site.line, Rule::DuplicateMessage, what));
            }
        }
    }
    found
}

fn unreachable(sites: &[Site<'_>], reached: &BTreeSet<String>) -> Vec<Finding> {
    // Without any command in sight nothing can be said.
    if reached.is_empty() {
        return Vec::new();
    }
    let out_of_reach = |site: &&Site<'_>| {
        let within = site.within.as_deref().filter(|name| !IMPLICIT.contains(name));
        site.must_hit && !is_command(&site.file.path) && within.is_some_and(|name| !reached.contains(name))
    };
    let found = sites.iter().filter(out_of_reach).map(|site| {
        let within = site.within.as_deref().unwrap_or_default();
        let what = format!("no command of a template reaches {:?} in `{within}`", site.message);
        site.file.finding(site.line, Rule::UnreachableAssertion, what)
    });
    found.collect()
}

fn uses_sdk(text: &str, language: Language) -> bool {
    let marks: &[&str] = match language {
        Language::Rust => &["antithesis_sdk", "__sdk::"],
        Language::Python => &["antithesis"],
        Language::Go => &["antithesis-sdk-go"],
        Language::C | Language::Shell => return false,
    };
    marks.iter().any(|mark| text.contains(mark))
}

/// How assertions are called, and whether they must be hit.
fn calls(language: Language) -> &'static [(&'static str, bool)] {
    match language {
        Language::Rust => &[
            ("assert_always!", true),
            ("assert_always_greater_than!", true),
            ("assert_always_greater_than_or_equal_to!", true),
            ("assert_always_less_than!", true),
            ("assert_always_less_than_or_equal_to!", true),
            ("assert_always_some!", true),
            ("assert_always_or_unreachable!", false),
            ("assert_sometimes!", true),
            ("assert_sometimes_greater_than!", true),
            ("assert_sometimes_greater_than_or_equal_to!", true),
            ("assert_sometimes_less_than!", true),
            ("assert_sometimes_less_than_or_equal_to!", true),
            ("assert_sometimes_all!", true),
            ("assert_reachable!", true),
            ("assert_unreachable!", false),
        ],
        Language::Python => &[
            ("always", true),
            ("always_or_unreachable", false),
            ("sometimes", true),
            ("reachable", true),
            ("unreachable", false),
        ],
        Language::Go => &[
            ("assert.Always", true),
            ("assert.AlwaysOrUnreachable", false),
            ("assert.Sometimes", true),
            ("assert.Reachable", true),
            ("assert.Unreachable", false),
        ],
        Language::C | Language::Shell => &[],
    }
}

fn sites_of<'a>(
    file: &'a File,
    text: &str,
    code: &str,
    language: Language,
    definitions: &[(std::ops::Range<usize>, Definition)],
) -> Vec<Site<'a>> {
    let mut sites = Vec::new();
    for (call, must_hit) in calls(language) {
        for (at, _) in code.match_indices(call) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || before == '.' && language == Language::Python {
                continue;
            }
            let Some(message) = message(&text[at + call.len()..]) else { continue };
            let line = text[..at].matches('\n').count() + 1;
            let around = definitions.iter().filter(|(lines, _)| lines.contains(&line));
            let within =
                around.min_by_key(|(lines, _)| lines.len()).map(|(_, definition)| definition.name.clone());
            sites.push(Site { file, line, message, must_hit: *must_hit, within });
        }
    }
    sites.sort_by_key(|site| site.line);
    sites
}

/// The first argument that is a literal or a constant, of a call whose parenthesis comes next.
fn message(rest: &str) -> Option<String> {
    let inside = rest.trim_start().strip_prefix(['(', '{', '['])?;
    arguments(inside).into_iter().find_map(|argument| {
        let argument = argument.trim();
        if let Some(literal) = argument.strip_prefix(['"', '\'']) {
            return literal.rfind(['"', '\'']).map(|end| literal[..end].to_owned());
        }
        let last = argument.rsplit("::").next().unwrap_or(argument);
        let constant =
            last.len() > 1 && last.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        constant.then(|| last.to_owned())
    })
}

/// The arguments up to the closing parenthesis, commas within strings and brackets left alone.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start, mut escaped) = (0_usize, None, 0, false);
    let mut arguments = Vec::new();
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') if depth == 0 => {
                arguments.push(&text[start..at]);
                return arguments;
            }
            (None, ')' | ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                arguments.push(&text[start..at]);
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    arguments
}

/// What a file defines, with the lines that each takes.
fn definitions_of(code: &str, language: Language) -> Vec<(std::ops::Range<usize>, Definition)> {
    let lines: Vec<&str> = code.lines().collect();
    let words: &[&str] = match language {
        Language::Rust => &["fn", "macro_rules"],
        Language::Python => &["def"],
        Language::Go => &["func"],
        Language::C | Language::Shell => &[],
    };
    let mut definitions = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let Some(name) = words.iter().find_map(|word| defined(line, word)) else { continue };
        let body = if language == Language::Python {
            source::indented(&lines, n)
        } else {
            source::braced(&lines, n)
        };
        let range = n + 1..n + 1 + body.lines().count();
        definitions.push((range, Definition { name: name.to_owned(), body }));
    }
    definitions
}

/// The name that a line defines by this word.
fn defined<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = match line.trim_start().strip_prefix(word) {
        Some(rest) if rest.starts_with([' ', '!']) => rest,
        _ => line.split_once(&format!(" {word} "))?.1,
    };
    let rest = rest.strip_prefix('!').unwrap_or(rest).trim_start();
    // A method's receiver stands before its name in Go.
    let rest = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest);
    source::words(rest).into_iter().next()
}

fn string_constants(text: &str) -> BTreeMap<String, String> {
    let declared = text.split("const ").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once(':')?;
        let (kind, value) = rest.split_once('=')?;
        let literal = value.trim_start().strip_prefix('"')?;
        let name_is_word = source::words(name) == [name.trim()];
        (kind.contains("str") && name_is_word)
            .then(|| (name.trim().to_owned(), literal.split('"').next().unwrap_or_default().to_owned()))
    });
    declared.collect()
}
