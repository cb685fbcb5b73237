//! Reads Rust source as tokens: which paths of the crate a file names, and what else it holds. What is only for
//! tests (`#[cfg(test)]`) is left out: tests may use what they test with.

use std::iter::Peekable;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What the architecture test looks at in one file.
#[derive(Debug, Default)]
pub struct Source {
    /// Every path that begins with `crate`, `self` or `super`, seen from the crate's root, one for each leaf
    /// of a `use` tree.
    pub paths: Vec<Vec<String>>,
    /// Every other word, in order.
    pub words: Vec<String>,
    /// The TRAIT of every `impl TRAIT for`, by the last word of its path.
    pub implemented: Vec<String>,
    /// The modules in files of their own that are only for tests.
    pub test_modules: Vec<String>,
    /// The public items that stand at the top of the file.
    pub public_items: Vec<String>,
}

type Tokens = Peekable<proc_macro2::token_stream::IntoIter>;

impl Source {
    /// Reads the text of a module file. `module` is the module's path from the crate's root.
    pub fn read(text: &str, module: &[&str]) -> Self {
        let tokens: TokenStream = text.parse().expect("rustc takes this file");
        let mut source = Self {
            public_items: public_items(tokens.clone()),
            ..Self::default()
        };
        source.walk(
            tokens,
            &module.iter().map(ToString::to_string).collect::<Vec<_>>(),
        );
        source
    }

    fn walk(&mut self, stream: TokenStream, module: &[String]) {
        let mut tokens = stream.into_iter().peekable();
        // Set by `#[cfg(test)]` for the item that follows it.
        let mut for_tests = false;
        // The name in `mod name {`, until the brace.
        let mut inline_module = None;
        // The mark or word before, or the last word of the path before.
        let mut previous = String::new();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) if previous == "#" => for_tests |= is_cfg_test(&group.stream()),
                TokenTree::Group(group) if for_tests => {
                    for_tests = group.delimiter() != Delimiter::Brace;
                    inline_module = inline_module.filter(|_| for_tests);
                }
                TokenTree::Group(group) => {
                    let mut inner = module.to_vec();
                    inner.extend(inline_module.take());
                    self.walk(group.stream(), &inner);
                    previous.clear();
                }
                TokenTree::Ident(word) if for_tests => {
                    if previous == "mod" {
                        inline_module = Some(word.to_string());
                    }
                    previous = word.to_string();
                }
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    let base = match word.as_str() {
                        "crate" => Some(Vec::new()),
                        "self" => Some(module.to_vec()),
                        "super" => Some(parent(module)),
                        _ => None,
                    };
                    if let Some(base) = base
                        && skip_colons(&mut tokens)
                    {
                        self.leaves(&mut tokens, base);
                        let path = self.paths.last();
                        previous = path.and_then(|path| path.last().cloned()).unwrap_or_default();
                        continue;
                    }
                    if word == "for" {
                        self.implemented.push(previous);
                    } else if previous == "mod" {
                        inline_module = Some(word.clone());
                    }
                    self.words.push(word.clone());
                    previous = word;
                }
                TokenTree::Punct(mark) => {
                    if mark.as_char() == ';' {
                        let declared = inline_module.take();
                        self.test_modules.extend(declared.filter(|_| for_tests));
                        for_tests = false;
                    }
                    previous = mark.to_string();
                }
                TokenTree::Literal(_) => previous.clear(),
            }
        }
    }

    /// Follows a path whose beginning was read, through the braces of a `use` tree.
    fn leaves(&mut self, tokens: &mut Tokens, mut path: Vec<String>) {
        loop {
            match tokens.peek() {
                Some(TokenTree::Ident(word)) => {
                    let word = word.to_string();
                    if word == "super" {
                        path = parent(&path);
                    } else if word != "self" {
                        path.push(word);
                    }
                    tokens.next();
                    if skip_colons(tokens) {
                        continue;
                    }
                }
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                    path.push("*".to_owned());
                    tokens.next();
                }
                Some(TokenTree::Group(braces)) if braces.delimiter() == Delimiter::Brace => {
                    let mut inner = braces.stream().into_iter().peekable();
                    tokens.next();
                    while inner.peek().is_some() {
                        self.leaves(&mut inner, path.clone());
                        // `as NAME` and the comma.
                        inner.by_ref().find(|token| token.to_string() == ",");
                    }
                    return;
                }
                // `Path::<T>`: ends before the arguments.
                _ => {}
            }
            self.paths.push(path);
            return;
        }
    }
}

fn parent(module: &[String]) -> Vec<String> {
    module
        .split_last()
        .map_or_else(Vec::new, |(_, parent)| parent.to_vec())
}

/// Goes past `::` if it comes next.
fn skip_colons(tokens: &mut Tokens) -> bool {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':');
    let mut ahead = tokens.clone();
    let found = ahead.next().is_some_and(|token| is_colon(&token))
        && ahead.next().is_some_and(|token| is_colon(&token));
    if found {
        *tokens = ahead;
    }
    found
}

/// Whether an attribute is `cfg(test)`, or a `cfg` with more conditions of which `test` is one.
fn is_cfg_test(attribute: &TokenStream) -> bool {
    let text = attribute.to_string();
    text.starts_with("cfg")
        && text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == "test")
        && !text.contains("not")
}

fn public_items(stream: TokenStream) -> Vec<String> {
    let words: Vec<String> = stream.into_iter().map(|token| token.to_string()).collect();
    words
        .windows(3)
        .filter(|window| {
            window[0] == "pub"
                && ["struct", "enum", "trait", "type", "const", "fn"].contains(&window[1].as_str())
        })
        .map(|window| window[2].clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str, module: &[&str]) -> Vec<String> {
        let source = Source::read(text, module);
        source.paths.iter().map(|path| path.join("::")).collect()
    }

    #[test]
    fn paths_are_found_wherever_they_stand() {
        let text = "
            //! crate::comment::A
            use crate::a::{B, c::{D as E, self}, F::*};
            use crate::{g::H, i};
            fn f(x: &crate::j::K) -> Vec<crate::l::M<'_>> { crate::n::o::<u8>(\"crate::text::P\"); mac!(crate::q::R) }
            pub(crate) fn g() {}
        ";
        let expected = [
            "a::B", "a::c::D", "a::c", "a::F::*", "g::H", "i", "j::K", "l::M", "n::o", "q::R",
        ];
        assert_eq!(paths(text, &["room"]), expected);
    }

    #[test]
    fn relative_paths_are_seen_from_the_root() {
        let text = "use super::X; use super::super::other::Y; mod m { use super::super::Z; use self::W; }";
        assert_eq!(
            paths(text, &["room", "file"]),
            ["room::X", "other::Y", "room::Z", "room::file::m::W"]
        );
    }

    #[test]
    fn what_is_only_for_tests_is_left_out() {
        let text = "
            impl Real for A {}
            #[cfg(test)]
            mod checks { impl crate::model::Fake for B {} }
            #[cfg(test)]
            use crate::a::B;
            #[cfg(test)]
            pub(crate) mod laws;
            mod kept;
            impl Other for C { fn f() { crate::d::e() } }
        ";
        let source = Source::read(text, &["room"]);
        assert_eq!(source.implemented, ["Real", "Other"]);
        assert_eq!(source.paths, [["d", "e"]]);
        assert_eq!(source.test_modules, ["laws"]);
    }
}
