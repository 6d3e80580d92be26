//! `actions/setup-java`

use std::fs;
use std::path::{Path, PathBuf};

use super::super::dependencies::{self, Dependencies};
use super::super::version::Version;
use super::{
    Installed, check_architecture, choose, from_tool_versions, missing, range, version_file,
};
use crate::builtin::call::Call;

/// A Java on this machine, and who built it.
#[derive(Debug, Clone)]
struct Java {
    installed: Installed,
    vendor: String,
}

pub(in crate::builtin) fn java(call: &mut Call<'_, '_>) -> Result<(), String> {
    check_architecture(call)?;
    for refused in ["jdk-file", "jdkFile", "gpg-private-key"] {
        if !call.input(refused).is_empty() {
            return Err(format!("the input `{refused}` is not supported here"));
        }
    }
    let wants_compiler = !call.input("java-package").starts_with("jre");
    let found = on_machine(call, wants_compiler);
    let wanted = wanted(call)?;
    let installed: Vec<Installed> = found.iter().map(|java| java.installed.clone()).collect();
    let chosen = if wanted == "latest" {
        choose(installed.clone(), Version::is_final)
    } else {
        let range = range(wanted.trim_end_matches("-ea"))?;
        choose(installed.clone(), |version| range.fits(version))
    };
    let chosen = chosen.ok_or_else(|| {
        missing("Java", &wanted, &installed, "install it, or name its folder by JAVA_HOME")
    })?;
    let vendor = found
        .iter()
        .find(|java| java.installed.home == chosen.home)
        .map(|java| java.vendor.clone());
    let vendor = vendor.unwrap_or_default();
    let distribution = call.input("distribution").to_owned();
    if !distribution.is_empty() && !vendor.to_ascii_lowercase().contains(maker(&distribution)) {
        call.say(&format!("The distribution {distribution} is asked for; this one is of {vendor}"));
    }
    let home = chosen.home.to_string_lossy().into_owned();
    if call.flag("set-default")? {
        call.set_env("JAVA_HOME", home.clone());
        call.add_path(&chosen.home.join("bin"));
    }
    let arch = call.job.bench.runner.arch;
    call.set_env(&format!("JAVA_HOME_{}_{arch}", chosen.version.major), home.clone());
    call.say(&format!("Java {} from {home}", chosen.version));
    call.output("distribution", distribution);
    call.output("version", chosen.version.to_string());
    call.output("path", home);
    maven_settings(call)?;
    let tool = call.input("cache").to_owned();
    if tool.is_empty() { Ok(()) } else { cache(call, &tool) }
}

fn wanted(call: &mut Call<'_, '_>) -> Result<String, String> {
    let given = call.lines("java-version");
    if let [.., last] = given.as_slice() {
        if given.len() > 1 {
            call.warn(format!("several versions of Java are asked for; only {last} is set up"));
        }
        return Ok(last.clone());
    }
    let file = call.input("java-version-file").to_owned();
    if file.is_empty() {
        return Err("java-version or java-version-file input expected".to_owned());
    }
    let text = version_file(call, &file)?;
    let found = if file.ends_with(".tool-versions") {
        from_tool_versions(&text, "java")
            .map(|found| found.rsplit('-').next().unwrap_or_default().to_owned())
    } else if file.ends_with(".sdkmanrc") {
        let line = text.lines().find_map(|line| line.trim().strip_prefix("java="));
        line.map(|version| version.split('-').next().unwrap_or_default().to_owned())
    } else {
        text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    };
    found.ok_or_else(|| format!("{file} does not say which version of Java is wanted"))
}

/// What a distribution's builds name as their maker.
fn maker(distribution: &str) -> &str {
    match distribution {
        "temurin" | "adopt" | "adopt-hotspot" => "adoptium",
        "zulu" => "azul",
        "corretto" => "amazon",
        "liberica" => "bellsoft",
        "microsoft" => "microsoft",
        "semeru" => "international business machines",
        "oracle" => "oracle",
        other => other,
    }
}

/// Every Java in the places where they are usually put.
fn on_machine(call: &Call<'_, '_>, wants_compiler: bool) -> Vec<Java> {
    let mut homes: Vec<PathBuf> = Vec::new();
    let variables = &call.job.bench.host.variables;
    homes.extend(
        variables
            .iter()
            .filter(|(name, _)| name.starts_with("JAVA_HOME"))
            .map(|(_, home)| home.into()),
    );
    let cache = &call.job.bench.runner.tool_cache;
    for tool in subfolders(cache).filter(|path| file_name(path).starts_with("Java_")) {
        homes
            .extend(subfolders(&tool).flat_map(|version| subfolders(&version).collect::<Vec<_>>()));
    }
    homes.extend(subfolders(Path::new("/usr/lib/jvm")));
    let on_path = call.job.search_path().find("java").and_then(|java| fs::canonicalize(java).ok());
    homes.extend(on_path.and_then(|java| Some(java.parent()?.parent()?.to_owned())));
    let mut found: Vec<Java> = Vec::new();
    for home in homes {
        let Ok(home) = fs::canonicalize(home) else { continue };
        let program = if wants_compiler { "bin/javac" } else { "bin/java" };
        if !home.join(program).is_file() || found.iter().any(|java| java.installed.home == home) {
            continue;
        }
        found.extend(describe(&home));
    }
    found
}

/// Reads what a Java says of itself in its file `release`.
fn describe(home: &Path) -> Option<Java> {
    let text = fs::read_to_string(home.join("release")).ok()?;
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    let version = java_version(&value("JAVA_VERSION")?)?;
    let installed = Installed { version, home: home.to_owned(), program: None };
    Some(Java {
        installed,
        vendor: value("IMPLEMENTOR").unwrap_or_else(|| "an unknown maker".to_owned()),
    })
}

/// `1.8.0_392` is what is called 8.0.392 everywhere else.
fn java_version(text: &str) -> Option<Version> {
    match text.strip_prefix("1.") {
        Some(old) => Version::parse(&old.replace('_', ".")),
        // The fourth number and those behind it tell builds apart.
        None => Version::parse(&text.split('.').take(3).collect::<Vec<_>>().join(".")),
    }
}

fn subfolders(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found.into_iter()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Tells Maven by which variables to sign in; their values are not in the file.
fn maven_settings(call: &Call<'_, '_>) -> Result<(), String> {
    let either = |name: &str, old: &str, default: &str| {
        let given = [call.input(name), call.input(old)].into_iter().find(|value| !value.is_empty());
        escaped(given.unwrap_or(default))
    };
    let user = either("server-username-env-var", "server-username", "GITHUB_ACTOR");
    let password = either("server-password-env-var", "server-password", "GITHUB_TOKEN");
    let server = escaped(call.input("server-id"));
    let given = call.input("settings-path");
    let folder = call.own_folder(if given.is_empty() { "~/.m2" } else { given })?;
    let path = folder.join("settings.xml");
    if path.exists() && !call.flag("overwrite-settings")? {
        return Ok(());
    }
    let text = format!(
        "<settings xmlns=\"http://maven.apache.org/SETTINGS/1.0.0\">\n  \
           <interactiveMode>false</interactiveMode>\n  <servers>\n    <server>\n      \
             <id>{server}</id>\n      <username>${{env.{user}}}</username>\n      \
             <password>${{env.{password}}}</password>\n    </server>\n  </servers>\n</settings>\n"
    );
    call.write(&path, &text)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn cache(call: &mut Call<'_, '_>, tool: &str) -> Result<(), String> {
    let (paths, said_by): (&[&str], &[&str]) = match tool {
        "maven" => (
            &["~/.m2/repository"],
            &["**/pom.xml", "**/.mvn/wrapper/maven-wrapper.properties", "**/.mvn/extensions.xml"],
        ),
        "gradle" => (
            &["~/.gradle/caches", "~/.gradle/wrapper"],
            &[
                "**/*.gradle*",
                "**/gradle-wrapper.properties",
                "buildSrc/**/Versions.kt",
                "buildSrc/**/Dependencies.kt",
                "gradle/*.versions.toml",
                "**/versions.properties",
            ],
        ),
        "sbt" => (
            &[
                "~/.ivy2/cache",
                "~/.sbt",
                "~/.cache/coursier",
                "!~/.sbt/*.lock",
                "!~/**/ivydata-*.properties",
            ],
            &[
                "**/*.sbt",
                "**/project/build.properties",
                "**/project/**.scala",
                "**/project/**.sbt",
            ],
        ),
        _ => return Err(format!("unknown package manager specified: {tool}")),
    };
    let given = call.lines("cache-path");
    let paths = if given.is_empty() {
        paths.iter().map(|path| (*path).to_owned()).collect()
    } else {
        given
    };
    let runner = &call.job.bench.runner;
    let wanted = Dependencies {
        prefix: format!("setup-java-{}-{}-{tool}", runner.os, runner.arch.to_ascii_lowercase()),
        said_by: vec![said_by.iter().map(|pattern| (*pattern).to_owned()).collect()],
        paths,
        nearly: false,
    };
    dependencies::restore(call, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_versions_are_read() {
        let read = |text| java_version(text).map(|version| version.to_string());
        assert_eq!(read("1.8.0_392").as_deref(), Some("8.0.392"));
        assert_eq!(read("21.0.5").as_deref(), Some("21.0.5"));
        assert_eq!(read("17").as_deref(), Some("17.0.0"));
        assert_eq!(read("11.0.20.1").as_deref(), Some("11.0.20"));
    }
}
