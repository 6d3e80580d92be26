//! The text of the `highroad.yaml` that `highroad init` writes: every block with the reason for it,
//! further options ready to be uncommented (`#key` is an option, `# text` is prose).

use model::manifest;

use crate::manifest_file;
use crate::repository::{Listens, Service, Survey};
use crate::terminal::wrap;

/// Where comments are folded, their indentation and sign included.
const WIDTH: usize = 96;

pub(super) fn text(survey: &Survey) -> String {
    let mut draft = Draft::default();
    draft.heading(survey);
    match &survey.services[..] {
        [] => draft.example(&survey.name),
        [service] => {
            draft.gap("The name under which it is released and watched.");
            draft.line(&format!("service: {}", service.name));
            draft.owner(survey);
            draft.text.push('\n');
            draft.run(service, true);
        }
        services => {
            draft.owner(survey);
            draft.gap("The services of this repository by name.");
            draft.line("services:");
            draft.nested(|draft| {
                for (index, service) in apart(services).iter().enumerate() {
                    if index > 0 {
                        draft.text.push('\n');
                    }
                    draft.line(&format!("{}:", service.name));
                    draft.nested(|draft| draft.run(service, index == 0));
                }
            });
        }
    }
    // What is shared by several has a host or a port of its own each: no option says it for all.
    draft.environments(match &survey.services[..] {
        [] => Some(&survey.name),
        [service] if service.site.is_some() || service.listens != Listens::Nowhere => {
            Some(&service.name)
        }
        _ => None,
    });
    draft.further();
    draft.text
}

#[derive(Default)]
struct Draft {
    text: String,
    indent: usize,
}

impl Draft {
    fn heading(&mut self, survey: &Survey) {
        self.comment(
            "How Highroad runs what is in this repository. 'highroad check' says whether this file is \
             right, 'highroad help schema' how editors complete it.",
        );
        if survey.has_workflows {
            self.comment("Builds and tests stay where they are, in .github/workflows.");
        }
    }

    fn owner(&mut self, survey: &Survey) {
        let because = &survey.owner.because;
        self.gap(&format!("Who answers for it: a team or an e-mail address ({because})."));
        self.line(&format!("owner: {}", scalar(&survey.owner.name)));
    }

    /// Stands where nothing was seen; it is right in form and waits for the facts.
    fn example(&mut self, name: &str) {
        self.gap("The name under which it is released and watched.");
        self.line(&format!("service: {name}"));
        self.gap("Who answers for it: a team or an e-mail address.");
        self.line(&format!("owner: {name}"));
        self.gap("How it runs. Nothing here told, so this is an example: write your program.");
        self.line("run:");
        self.nested(|draft| {
            draft.line(&format!("command: ./{name} --port $PORT"));
            draft.comment("Or a container image, or a folder of finished files:");
            draft.line(&format!("#image: ghcr.io/acme/{name}"));
            draft.line("#static: public");
            draft.comment("Each instance is told a free port in PORT; 'none' is for a worker.");
            draft.line("port: auto");
        });
    }

    /// Further options are shown once: several services would only repeat them.
    fn run(&mut self, service: &Service, with_options: bool) {
        self.comment(&format!("How it runs: {}.", service.because));
        self.line("run:");
        self.nested(|draft| {
            if let Some(build) = &service.build {
                draft.comment(&format!("Built with: {build}"));
            }
            draft.workload(service);
            if !service.folder.is_empty() {
                draft.comment("The folder that it runs in.");
                draft.line(&format!("folder: {}", scalar(&service.folder)));
            }
            if service.site.is_none() {
                draft.port(&service.listens);
            }
            if service.site.is_none() && with_options {
                if service.listens != Listens::Nowhere {
                    draft.comment(
                        "A path that says that it is well; without one its port must accept \
                         connections.",
                    );
                    draft.line("#health: /healthz");
                }
                draft.comment("Its variables. A secret is kept by Highroad and named here.");
                draft.line("#env: { LOG_LEVEL: info, DATABASE_URL: { secret: DATABASE_URL } }");
                draft.comment("The most that one instance may use.");
                draft.line("#resources: { memory: 512MiB, cpu: 0.5 }");
            }
        });
    }

    fn workload(&mut self, service: &Service) {
        match (&service.site, &service.image, &service.run) {
            (Some(site), _, _) => self.line(&format!("static: {}", scalar(site))),
            (None, Some(image), None) => {
                self.comment(
                    "The image's name; write its registry too. Each release brings the tag.",
                );
                self.line(&format!("image: {}", scalar(image)));
            }
            (None, Some(image), Some(run)) => {
                self.comment(
                    "The image's name; write its registry too. Each release brings the tag.",
                );
                self.line("image:");
                self.nested(|draft| {
                    draft.line(&format!("name: {}", scalar(image)));
                    draft.command(run);
                });
            }
            (None, None, Some(run)) => self.command(run),
            (None, None, None) => {
                self.comment("What starts it was not to be seen: write your program.");
                self.line(&format!("command: ./{}", service.name));
            }
        }
    }

    /// Highroad starts programs without a shell. What asks for one gets it in so many words.
    fn command(&mut self, command: &str) {
        let alone = scalar(command);
        if is_understood(&alone) {
            self.line(&format!("command: {alone}"));
        } else {
            self.comment("This needs a shell, and Highroad starts programs without one.");
            self.line(&format!("command: [sh, -c, {}]", in_quotes(command)));
        }
    }

    fn port(&mut self, listens: &Listens) {
        match listens {
            Listens::At { port, because } => {
                self.comment(&format!("Where it listens ({because})."));
                self.line(&format!("port: {port}"));
            }
            Listens::Told { because } => {
                self.comment(&format!("Each instance is told a free port in PORT ({because})."));
                self.line("port: auto");
            }
            Listens::Nowhere => {
                self.comment(
                    "It seems to listen nowhere. If it does, write the number, or 'auto' if it takes \
                     it from PORT.",
                );
                self.line("port: none");
            }
        }
    }

    fn environments(&mut self, reached: Option<&str>) {
        self.gap(
            "Where it runs, in the order of the road: a release enters an environment once it is \
             healthy in the one above.",
        );
        self.line("environments:");
        self.nested(|draft| {
            draft.line("staging:");
            draft.nested(|draft| {
                draft.comment("How long a release must stay well here before it goes on.");
                draft.line("#soak: 15m");
            });
            draft.line("production:");
            draft.nested(|draft| {
                if let Some(name) = reached {
                    draft.comment("The name under which users reach it.");
                    draft.line(&format!("#hosts: {name}.example.com"));
                }
                draft.comment("How a release takes over, and how many agree. Without these, the risk of the change says.");
                draft.line("#strategy: canary");
                draft.line("#approvals: 1");
                draft.comment("When a release may come here. Without it, always.");
                draft.line("#windows: { days: mon-thu, from: 09:00, to: 16:00, zone: UTC }");
            });
        });
    }

    fn further(&mut self) {
        self.gap("Who is told when a release waits, fails or is taken back.");
        self.line("#notify: [team@example.com]");
    }

    fn gap(&mut self, comment: &str) {
        self.text.push('\n');
        self.comment(comment);
    }

    fn comment(&mut self, words: &str) {
        for line in wrap(words, Some(WIDTH - self.indent - 2), 0).lines() {
            self.line(&format!("# {line}"));
        }
    }

    fn line(&mut self, line: &str) {
        self.text.extend(std::iter::repeat_n(' ', self.indent));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn nested(&mut self, write: impl FnOnce(&mut Self)) {
        self.indent += 2;
        write(self);
        self.indent -= 2;
    }
}

/// On one machine a port is free for one program; the others are told theirs. A container has
/// all ports for itself.
fn apart(services: &[Service]) -> Vec<Service> {
    let mut taken: Vec<(u16, &str)> = Vec::new();
    let separate = services.iter().map(|service| {
        let mut separate = service.clone();
        if let Listens::At { port, .. } = service.listens
            && service.image.is_none()
        {
            match taken.iter().find(|(other, _)| *other == port) {
                Some((_, name)) => {
                    let because = format!("{name} has {port} already");
                    separate.listens = Listens::Told { because };
                }
                None => taken.push((port, &service.name)),
            }
        }
        separate
    });
    separate.collect()
}

/// Asks the reader of the file itself: it knows what it takes for a command.
fn is_understood(command: &str) -> bool {
    let file = format!("service: it\nowner: it\nrun: {command}\n");
    manifest::read(manifest_file::NAME, file.as_bytes()).findings.is_empty()
}

/// A text as YAML reads it back, without quotes where none are needed.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let begins = text.starts_with("./") || text.starts_with(|it: char| it.is_ascii_alphabetic());
    let plain = |letter: char| letter.is_ascii_alphanumeric() || " ./_$@=,%+-:".contains(letter);
    let fits = begins
        && text.chars().all(plain)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if fits { text.to_owned() } else { in_quotes(text) }
}

/// A JSON text is a double-quoted YAML text too.
fn in_quotes(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}

#[cfg(test)]
mod tests {
    use model::manifest::Reading;

    use super::*;
    use crate::repository::Owner;

    fn survey(services: Vec<Service>) -> Survey {
        Survey {
            name: "shop".to_owned(),
            seen: Vec::new(),
            services,
            owner: Owner {
                name: "@acme/shop".to_owned(),
                because: "CODEOWNERS says so".to_owned(),
            },
            notes: Vec::new(),
            has_workflows: true,
        }
    }

    fn service(name: &str, run: &str, port: u16) -> Service {
        Service {
            name: name.to_owned(),
            run: Some(run.to_owned()),
            listens: Listens::At { port, because: "a test says so".to_owned() },
            ..Service::default()
        }
    }

    fn read(text: &str) -> Reading {
        manifest::read(manifest_file::NAME, text.as_bytes())
    }

    fn every_kind() -> Vec<Vec<Service>> {
        let site = Service { site: Some("dist".to_owned()), ..service("page", "", 1) };
        let image = Service { image: Some("host:5000/shop".to_owned()), ..service("api", "go", 1) };
        let worker = Service { listens: Listens::Nowhere, ..service("work", "work", 1) };
        let bare = Service { run: None, folder: "apps/bare".to_owned(), ..service("bare", "", 1) };
        let one_each = [site, image, worker, bare].map(|it| vec![it]);
        let several = vec![service("one", "a", 80), service("two", "b", 80)];
        one_each.into_iter().chain([vec![], several]).collect()
    }

    #[test]
    fn whatever_is_written_passes() {
        for services in every_kind() {
            let text = text(&survey(services));
            assert_eq!(read(&text).findings, [], "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        }
    }

    #[test]
    fn every_option_can_be_uncommented() {
        for services in every_kind() {
            let text = text(&survey(services));
            for (index, line) in text.lines().enumerate() {
                let option = line.trim_start();
                if !option.starts_with('#') || option.starts_with("# ") {
                    continue;
                }
                // The example offers one instead of the other.
                let instead = option.starts_with("#image:") || option.starts_with("#static:");
                let with = text.lines().enumerate().filter_map(|(other, line)| {
                    let replaced = instead && line.trim_start().starts_with("command:");
                    (!replaced).then(|| {
                        if other == index { line.replacen('#', "", 1) } else { line.to_owned() }
                    })
                });
                let with = with.collect::<Vec<_>>().join("\n");
                assert_eq!(read(&with).findings, [], "{option}\n{with}");
            }
        }
    }

    #[test]
    fn programs_part_with_a_port_that_is_taken_and_containers_keep_it() {
        let image = |name| Service { image: Some("shop".to_owned()), ..service(name, "a", 80) };
        let ports = |services| text(&survey(services)).matches("port: 80\n").count();
        assert_eq!(ports(vec![service("one", "a", 80), service("two", "b", 80)]), 1);
        assert_eq!(ports(vec![image("one"), image("two"), service("three", "c", 80)]), 3);
    }

    #[test]
    fn a_shell_is_named_where_one_is_needed() {
        let text = |run: &str| text(&survey(vec![service("shop", run, 1)]));
        assert!(text("bin/web --port $PORT").contains("\n  command: bin/web --port $PORT\n"));
        assert!(text("a && b 'c'").contains("\n  command: [sh, -c, \"a && b 'c'\"]\n"));
        assert!(text("true").contains("\n  command: \"true\"\n"));
    }
}
