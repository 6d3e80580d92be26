//! What somebody's repository looks like from outside: which services are in it, how they are built
//! and started, and who answers for them. Everything here is a guess with its reason.

mod cargo;
mod compose;
mod docker;
mod folder;
mod go;
mod node;
mod owner;
mod port;
mod procfile;
mod python;
mod site;
mod workflows;

use std::fs;
use std::path::Path;

use model::name::MAX_NAME;
use serde::Serialize;

use folder::Folder;
pub(crate) use owner::Owner;
pub(crate) use port::Listens;

/// More services than this in one file are not written for anybody; they are named in a note.
const MOST_SERVICES: usize = 24;

/// A command, a path or a reason that is longer than this was not written by a person.
const LONGEST_TEXT: usize = 1_000;

/// What YAML does not take for text, and marks that turn the direction of what follows.
const NOT_TEXT: [char; 14] = [
    '\u{feff}', '\u{fffe}', '\u{ffff}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202b}', '\u{202c}',
    '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

/// What was seen, and what it comes to.
#[derive(Debug)]
pub(crate) struct Survey {
    /// The folder's name as a name for a service.
    pub(crate) name: String,
    pub(crate) seen: Vec<Sighting>,
    pub(crate) services: Vec<Service>,
    pub(crate) owner: Owner,
    /// What was passed over, and why.
    pub(crate) notes: Vec<String>,
    /// Whether there are workflows to run.
    pub(crate) has_workflows: bool,
}

/// A file that told something.
#[derive(Debug, Serialize)]
pub(crate) struct Sighting {
    pub(crate) file: String,
    pub(crate) what: String,
}

impl Sighting {
    fn new(file: &str, what: String) -> Self {
        Self { file: file.to_owned(), what }
    }
}

/// Something to build and run, as far as it can be guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// The folder that it runs in, from the repository's root; empty for the root itself.
    pub(crate) folder: String,
    /// How it is built, for people to read: builds belong to the workflows.
    pub(crate) build: Option<String>,
    /// The command that starts it; with an image, instead of the image's own.
    pub(crate) run: Option<String>,
    /// The container image that it is started from.
    pub(crate) image: Option<String>,
    /// The folder of finished files that it is, if it is a static site.
    pub(crate) site: Option<String>,
    pub(crate) listens: Listens,
    pub(crate) because: String,
}

impl Service {
    fn named(name: &str) -> Self {
        Self { name: valid_name(name), ..Self::default() }
    }
}

/// What one kind of evidence says.
#[derive(Debug, Default)]
struct Found {
    seen: Vec<Sighting>,
    services: Vec<Service>,
}

pub(crate) fn survey(root: &Path) -> Survey {
    let folder = Folder::new(root);
    let languages = [cargo::look, node::look, python::look, go::look].map(|look| look(&folder));
    let declared = [procfile::look(&folder), compose::look(&folder)];
    let image = docker::look(&folder);
    let site = site::look(&folder);
    let workflows = workflows::look(&folder);

    let mut seen = Vec::new();
    let mut services_of = |found: Option<Found>| {
        let found = found.unwrap_or_default();
        seen.extend(found.seen);
        found.services
    };
    let declared: Vec<_> = declared.into_iter().map(&mut services_of).collect();
    let built: Vec<_> = languages.into_iter().flat_map(&mut services_of).collect();
    let image = services_of(image);
    let mut services = chosen(declared, built, image);
    // An index.html next to a program is that program's page, not a site.
    if services.is_empty() {
        services = services_of(site);
    }
    seen.extend(workflows);

    let owner = owner::look(&folder);
    let name = name_of(root);
    limit(&mut services, &folder);
    give_names(&mut services, &name);
    for sighting in &mut seen {
        sighting.what = printable(&sighting.what);
    }
    Survey {
        has_workflows: seen.iter().any(|it| it.file.starts_with(".github/workflows")),
        seen,
        services,
        owner: owner.unwrap_or_else(|| Owner {
            name: name.clone(),
            because: "the folder's name".to_owned(),
        }),
        name,
        notes: folder.into_notes().iter().map(|note| printable(note)).collect(),
    }
}

/// Text that is made a name: lower case, digits and inner hyphens; empty if nothing is left.
pub(crate) fn valid_name(text: &str) -> String {
    // `@acme/shop` is the package `shop` of `acme`.
    let text = text.rsplit('/').next().unwrap_or_default();
    let mut name = String::new();
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_start_matches(|first: char| !first.is_ascii_lowercase());
    name.get(..MAX_NAME).unwrap_or(name).trim_end_matches('-').to_owned()
}

/// Who writes a Procfile or a Compose file has said which services there are; the languages know
/// how they are built.
fn chosen(declared: Vec<Vec<Service>>, built: Vec<Service>, image: Vec<Service>) -> Vec<Service> {
    let Some(mut services) = declared.into_iter().find(|services| !services.is_empty()) else {
        return match (built.len(), image.into_iter().next()) {
            (0, Some(image)) => vec![image],
            (1, Some(image)) => built.into_iter().map(|it| in_image(it, &image)).collect(),
            _ => built,
        };
    };
    let only = if built.len() == 1 { built.first() } else { None };
    for service in services.iter_mut().filter(|it| it.image.is_none()) {
        let same = built.iter().find(|it| it.name == service.name).or(only);
        service.build = same.and_then(|same| same.build.clone());
    }
    services
}

/// A program next to a Dockerfile is shipped as an image, under its own name.
fn in_image(program: Service, image: &Service) -> Service {
    Service {
        image: image.image.clone(),
        build: image.build.clone(),
        run: None,
        // The image knows better than the framework's custom.
        listens: image.listens.clone().or(|| program.listens.clone()),
        because: format!("{}, and a Dockerfile", program.because),
        ..program
    }
}

/// Keeps what fits into a file that people read.
fn limit(services: &mut Vec<Service>, folder: &Folder) {
    if services.len() > MOST_SERVICES {
        let rest = services.split_off(MOST_SERVICES);
        let names = rest.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
        folder.note(format!("only {MOST_SERVICES} services are written; left out: {names}"));
    }
    for service in services {
        service.because = printable(&service.because);
        if let Listens::At { because, .. } | Listens::Told { because } = &mut service.listens {
            *because = printable(because);
        }
        let texts = [&mut service.build, &mut service.run, &mut service.image, &mut service.site];
        for text in texts {
            if text.as_ref().is_some_and(|text| text.chars().count() > LONGEST_TEXT) {
                folder.note(format!("a command of {} is left out: it is too long", service.name));
                *text = None;
            }
            *text = text.as_deref().map(printable);
        }
    }
}

/// Text from a file, for a comment or a terminal: it cannot break a line or move the cursor.
fn printable(text: &str) -> String {
    let text = text.replace(|letter: char| !is_text(letter), " ");
    if text.chars().count() <= LONGEST_TEXT {
        return text.trim().to_owned();
    }
    text.trim().chars().take(LONGEST_TEXT - 1).chain(['…']).collect()
}

fn is_text(letter: char) -> bool {
    !letter.is_control() && !NOT_TEXT.contains(&letter)
}

/// A word as a shell reads it back.
fn shell_word(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@,+%".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Gives every service a name that no other has.
fn give_names(services: &mut [Service], name: &str) {
    let mut taken: Vec<String> = Vec::new();
    for service in services {
        if service.name.is_empty() {
            service.name = valid_name(&service.folder);
        }
        if service.name.is_empty() {
            name.clone_into(&mut service.name);
        }
        let mut unique = service.name.clone();
        let mut count = 2;
        while taken.contains(&unique) {
            let end = format!("-{count}");
            let start = &service.name[..service.name.len().min(MAX_NAME - end.len())];
            unique = format!("{}{end}", start.trim_end_matches('-'));
            count += 1;
        }
        service.name.clone_from(&unique);
        if let Some(image) = service.image.as_mut().filter(|image| image.is_empty()) {
            image.clone_from(&unique);
        }
        taken.push(unique);
    }
}

fn name_of(root: &Path) -> String {
    let full = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let name = full.file_name().map(|name| valid_name(&name.to_string_lossy()));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "app".to_owned())
}

#[cfg(test)]
mod tests {
    use model::name::ServiceName;

    use super::*;

    #[test]
    fn any_text_becomes_a_name_or_nothing() {
        assert_eq!(valid_name("@acme/Shop_Front.v2"), "shop-front-v2");
        assert_eq!(valid_name("2048"), "");
        assert_eq!(valid_name("--a--"), "a");
        assert_eq!(valid_name("größe"), "gr-e");
        for odd in ["", "///", "\u{0}", "1-2-3", &"x-".repeat(70), "日本"] {
            let name = valid_name(odd);
            assert!(name.is_empty() || name.parse::<ServiceName>().is_ok(), "{odd:?}: {name:?}");
        }
    }

    #[test]
    fn text_from_files_cannot_move_the_cursor() {
        assert_eq!(printable("a\n\u{1b}[2Jb\u{202e}"), "a  [2Jb");
        assert_eq!(printable(&"x".repeat(5_000)).chars().count(), LONGEST_TEXT);
    }

    #[test]
    fn a_shell_reads_a_word_back() {
        assert_eq!(shell_word("./cmd/api"), "./cmd/api");
        assert_eq!(shell_word("it's; rm"), r"'it'\''s; rm'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn names_are_made_different() {
        let long = "x".repeat(63);
        let mut services: Vec<_> =
            ["web", "web", "", "", &long, &long].into_iter().map(Service::named).collect();
        give_names(&mut services, "shop");
        let names: Vec<_> = services.iter().map(|it| it.name.as_str()).collect();
        let cut = format!("{}-2", "x".repeat(61));
        assert_eq!(names, ["web", "web-2", "shop", "shop-2", long.as_str(), cut.as_str()]);
    }
}
