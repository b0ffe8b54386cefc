//! Which file of a crate uses which other one: the modules as their files declare them, and each path that is written
//! in them followed to the file that defines what it names.
//!
//! Declaring a child and exporting its names again is no use, and a name that a parent only exports again counts for
//! the file that defines it. What only tests see does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::tokens::{Token, tokens, without_tests};

/// How often a name may be exported again before it is given up.
const HOPS: usize = 16;

/// A file and what it says.
#[derive(Debug, Default)]
struct Module {
    file: PathBuf,
    /// Whether its children stand beside it, not in a folder of its name.
    beside: bool,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    said: Said,
}

/// What a source says, as far as it matters here.
#[derive(Debug, Default)]
struct Said {
    /// The modules it declares, each with the path that an attribute gives it.
    declares: Vec<(String, Option<String>)>,
    /// Names of its functions, types and values.
    defines: BTreeSet<String>,
    uses: Vec<Use>,
    /// Paths of at least two parts outside of `use`.
    paths: BTreeSet<Vec<String>>,
    /// Every word outside of `use`.
    words: BTreeSet<String>,
}

/// One leaf of a `use`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Use {
    path: Vec<String>,
    /// What it is called here; `*` for everything in it.
    name: String,
    exported: bool,
}

/// Where a path leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    /// To a module itself.
    Module(usize),
    /// To something that this module's file defines.
    Item(usize),
    /// Out of the crate.
    Outside,
}

/// The files of one crate.
#[derive(Debug, Default)]
pub struct Modules {
    all: Vec<Module>,
}

impl Modules {
    /// Follows the declarations from a crate's root. `read` gives the text of a file, or nothing where there is none.
    pub fn read(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Result<Self, String> {
        let mut modules = Self::default();
        let text = read(root).ok_or_else(|| format!("cannot read {}", root.display()))?;
        modules.all.push(Module { file: root.to_owned(), beside: true, said: said(&text), ..Module::default() });
        let mut at = 0;
        while at < modules.all.len() {
            for (name, place) in std::mem::take(&mut modules.all[at].said.declares) {
                let file = &modules.all[at].file;
                let candidates = places(file, modules.all[at].beside, &name, place.as_deref());
                let (file, text) = candidates
                    .iter()
                    .find_map(|place| read(place).map(|text| (place.clone(), text)))
                    .ok_or_else(|| format!("{} declares {name}, which has no file", file.display()))?;
                let child = modules.all.len();
                let beside = place.is_some() || file.ends_with("mod.rs");
                modules.all.push(Module { file, beside, parent: Some(at), said: said(&text), ..Module::default() });
                modules.all[at].children.insert(name, child);
            }
            at += 1;
        }
        Ok(modules)
    }

    pub fn file(&self, module: usize) -> &Path {
        &self.all[module].file
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// For each module the others whose names it uses, with those names.
    pub fn arrows(&self) -> Vec<BTreeMap<usize, BTreeSet<String>>> {
        (0..self.all.len()).map(|module| self.used_by(module)).collect()
    }

    fn used_by(&self, module: usize) -> BTreeMap<usize, BTreeSet<String>> {
        let said = &self.all[module].said;
        let mut used: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let mut add = |leads, path: &[String]| {
            if let Leads::Item(other) = leads
                && other != module
            {
                used.entry(other).or_default().insert(path.last().cloned().unwrap_or_default());
            }
        };
        for imported in &said.uses {
            let leads = self.follow(module, &imported.path, HOPS);
            match (imported.name.as_str(), leads) {
                ("*", _) if imported.exported => {}
                ("*", Leads::Module(other)) => add(Leads::Item(other), &["*".to_owned()]),
                _ if imported.exported && !said.words.contains(&imported.name) => {}
                _ => add(leads, &imported.path),
            }
        }
        for path in &said.paths {
            add(self.follow(module, path, HOPS), path);
        }
        used
    }

    /// Where a path leads that is written in `module`.
    fn follow(&self, module: usize, path: &[String], hops: usize) -> Leads {
        let mut at = module;
        for (number, part) in path.iter().enumerate() {
            let last = number + 1 == path.len();
            match part.as_str() {
                "crate" if number == 0 => at = 0,
                "self" => {}
                "super" => match self.all[at].parent {
                    Some(parent) => at = parent,
                    None => return Leads::Outside,
                },
                name => match self.look(at, name, last, hops) {
                    Some(Leads::Module(next)) => at = next,
                    Some(leads) => return leads,
                    // The first part of a path may be anything the language knows; later ones are in the module.
                    None if number == 0 => return Leads::Outside,
                    None => return Leads::Item(at),
                },
            }
        }
        Leads::Module(at)
    }

    /// What a name is in a module. A name may stand for a module and for something else; at the end of a path it is
    /// taken for the latter.
    fn look(&self, at: usize, name: &str, last: bool, hops: usize) -> Option<Leads> {
        let module = &self.all[at];
        let child = module.children.get(name).map(|&child| Leads::Module(child));
        if !last && child.is_some() {
            return child;
        }
        if module.said.defines.contains(name) {
            return Some(Leads::Item(at));
        }
        let hops = hops.checked_sub(1)?;
        let named = module.said.uses.iter().find(|imported| imported.name == name && imported.path != [name]);
        if let Some(imported) = named {
            return Some(self.follow(at, &imported.path, hops));
        }
        if child.is_some() {
            return child;
        }
        let everything = module.said.uses.iter().filter(|imported| imported.name == "*");
        everything.filter_map(|imported| self.in_all_of(at, &imported.path, name, last, hops)).next()
    }

    /// What a name is in the module all of whose names are imported by `path`.
    fn in_all_of(&self, at: usize, path: &[String], name: &str, last: bool, hops: usize) -> Option<Leads> {
        match self.follow(at, path, hops) {
            Leads::Module(other) if other != at => self.look(other, name, last, hops),
            _ => None,
        }
    }
}

/// The files in which a module may be.
fn places(file: &Path, beside: bool, name: &str, place: Option<&str>) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new(""));
    if let Some(place) = place {
        return vec![folder.join(place)];
    }
    let inside = if beside { folder.to_owned() } else { file.with_extension("") };
    vec![inside.join(format!("{name}.rs")), inside.join(name).join("mod.rs")]
}

fn said(text: &str) -> Said {
    let tokens: Vec<Token> = without_tests(tokens(text)).into_iter().map(|(_, token)| token).collect();
    let mut said = Said::default();
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        let Token::Word(word) = &tokens[at] else {
            at += 1;
            continue;
        };
        let next = tokens.get(at + 1);
        match (word.as_str(), next) {
            ("use", Some(next)) if !next.is_mark('<') => {
                let exported = before.is_some_and(|before| before.is_word("pub") || before.is_mark(')'));
                at = tree(&tokens, at + 1, &mut Vec::new(), exported, &mut said.uses);
                continue;
            }
            ("mod", Some(Token::Word(name))) if tokens.get(at + 2).is_some_and(|token| token.is_mark(';')) => {
                said.declares.push((name.clone(), place(&tokens[..at])));
                at += 3;
                continue;
            }
            ("fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union", Some(Token::Word(name))) => {
                said.defines.insert(name.clone());
            }
            ("macro_rules", _) => {
                said.defines.extend(tokens.get(at + 2).and_then(Token::word).map(str::to_owned));
            }
            _ => {}
        }
        said.words.insert(word.clone());
        let follows = |at: usize| {
            let is_path = |step: usize| tokens.get(at + step).is_some_and(|token: &Token| token.is_mark(':'));
            if is_path(1) && is_path(2) { tokens.get(at + 3).and_then(Token::word) } else { None }
        };
        let inside = before.is_some_and(|before| before.is_mark('.'));
        let mut path = vec![word.clone()];
        while let Some(part) = follows(at) {
            path.push(part.to_owned());
            said.words.insert(part.to_owned());
            at += 3;
        }
        if path.len() > 1 && !inside {
            said.paths.insert(path);
        }
        at += 1;
    }
    said
}

/// The path that the attributes before a declaration give, if they do: `#[path = "…"]`.
fn place(before: &[Token]) -> Option<String> {
    let before = match before {
        [rest @ .., Token::Word(word)] if word == "pub" => rest,
        other => other,
    };
    match before {
        [.., Token::Mark('['), Token::Word(word), Token::Mark('='), Token::Text(place), Token::Mark(']')]
            if word == "path" =>
        {
            Some(place.clone())
        }
        _ => None,
    }
}

/// Reads the tree of a `use` from `at` on; the answer is where it ends.
fn tree(tokens: &[Token], mut at: usize, path: &mut Vec<String>, exported: bool, uses: &mut Vec<Use>) -> usize {
    let began = path.len();
    let mut name = None;
    let mut open = true;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Mark('{') => {
                open = false;
                at += 1;
                while tokens.get(at).is_some_and(|token| !token.is_mark('}')) {
                    let from = at;
                    at = tree(tokens, at, path, exported, uses);
                    if tokens.get(at).is_some_and(|token| token.is_mark(',')) || at == from {
                        at += 1;
                    }
                }
            }
            Token::Mark(';' | ',' | '}') => break,
            Token::Mark('*') => name = Some("*".to_owned()),
            Token::Word(word) if word == "as" => {
                name = tokens.get(at + 1).and_then(Token::word).map(str::to_owned);
                at += 1;
            }
            Token::Word(word) => path.push(word.clone()),
            _ => {}
        }
        at += 1;
    }
    if open && path.len() + usize::from(name.is_some()) > began {
        // `a::{self}` is `a`.
        let whole: Vec<String> = match path.as_slice() {
            [rest @ .., last] if last == "self" && !rest.is_empty() => rest.to_vec(),
            whole => whole.to_vec(),
        };
        let name = name.or_else(|| whole.last().cloned()).unwrap_or_default();
        uses.push(Use { path: whole, name, exported });
    }
    path.truncate(began);
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The arrows of a crate whose files are given, as `a>b(name)`.
    fn arrows(files: &[(&str, &str)]) -> String {
        let read =
            |path: &Path| files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| (*text).to_owned());
        let modules = Modules::read(Path::new(files[0].0), &read).unwrap();
        let stem = |module: usize| modules.file(module).with_extension("").display().to_string();
        let mut shown = Vec::new();
        for (module, used) in modules.arrows().iter().enumerate() {
            for (other, names) in used {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                shown.push(format!("{}>{}({})", stem(module), stem(*other), names.join(" ")));
            }
        }
        shown.join(" ")
    }

    #[test]
    fn a_use_leads_to_the_file_that_defines_the_name() {
        let lib = "mod a;\nmod b;\npub use a::Thing;\n";
        assert_eq!(
            arrows(&[("lib.rs", lib), ("a.rs", "pub struct Thing;"), ("b.rs", "use crate::Thing;")]),
            "b>a(Thing)"
        );
        let written = "fn f(t: &super::a::Thing) { crate::a::go(t); super::Thing::new(); }";
        assert_eq!(arrows(&[("lib.rs", lib), ("a.rs", "pub struct Thing;"), ("b.rs", written)]), "b>a(Thing go new)");
        let tree = "use super::{a::{self, Thing as Other}, a::*};\nfn f() { a::go(); }";
        assert_eq!(arrows(&[("lib.rs", lib), ("a.rs", "pub struct Thing;"), ("b.rs", tree)]), "b>a(* Thing go)");
        let whole = "use crate::a;\nfn f() {}";
        assert_eq!(arrows(&[("lib.rs", lib), ("a.rs", "pub struct Thing;"), ("b.rs", whole)]), "");
        let renamed = "use std::thing::a;\nfn f() { a::go() }";
        assert_eq!(arrows(&[("lib.rs", lib), ("a.rs", "pub struct Thing;"), ("b.rs", renamed)]), "");
    }

    #[test]
    fn a_parent_that_only_exports_again_uses_nothing_and_one_that_speaks_of_it_does() {
        let child = ("a/b.rs", "use super::Error;\npub struct Thing;");
        assert_eq!(
            arrows(&[("lib.rs", "mod a;"), ("a.rs", "mod b;\npub use b::Thing;\npub struct Error;"), child]),
            "a/b>a(Error)"
        );
        let speaks = "mod b;\npub use b::Thing;\npub struct Error(Thing);";
        assert_eq!(arrows(&[("lib.rs", "mod a;"), ("a.rs", speaks), child]), "a>a/b(Thing) a/b>a(Error)");
        let calls = "mod b;\npub struct Error;\nfn f() { b::go() }";
        assert_eq!(
            arrows(&[("lib.rs", "mod a;"), ("a/mod.rs", calls), ("a/b.rs", "use super::Error;")]),
            "a/mod>a/b(go) a/b>a/mod(Error)"
        );
        let everything = "mod b;\npub use b::*;";
        let user = ("c.rs", "use crate::a::Thing;");
        assert_eq!(
            arrows(&[("lib.rs", "mod a; mod c;"), ("a.rs", everything), ("a/b.rs", "pub struct Thing;"), user]),
            "c>a/b(Thing)"
        );
    }

    #[test]
    fn tests_and_other_crates_do_not_count() {
        let tests = "#[cfg(test)]\nmod tests { use crate::a::X; }\n#[cfg(test)]\nmod more;\n// crate::a::X\nconst T: &str = \"crate::a::X\";";
        assert_eq!(arrows(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use std::io::Read;"), ("b.rs", tests)]), "");
        assert_eq!(
            arrows(&[("lib.rs", "#[path = \"x/y.rs\"]\nmod a; mod b;"), ("x/y.rs", ""), ("b.rs", "use crate::a::X;")]),
            "b>x/y(X)"
        );
    }

    #[test]
    fn a_module_without_a_file_is_said() {
        let read = |path: &Path| (path == Path::new("lib.rs")).then(|| "mod gone;".to_owned());
        assert_eq!(Modules::read(Path::new("lib.rs"), &read).unwrap_err(), "lib.rs declares gone, which has no file");
    }
}
