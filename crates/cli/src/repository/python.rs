//! What `pyproject.toml`, `requirements.txt` and the sources next to them say: which framework
//! serves, and where its application object is.

use toml::Value;

use super::folder::Folder;
use super::port::Listens;
use super::{Found, Service, Sighting};

/// Where an application object is looked for, in this order.
const USUAL_FILES: [&str; 8] = [
    "main.py",
    "app.py",
    "wsgi.py",
    "asgi.py",
    "app/main.py",
    "app/__init__.py",
    "src/main.py",
    "src/app.py",
];

pub(super) fn look(folder: &Folder) -> Option<Found> {
    let project = project(folder)?;
    let found = |what: &str, service: Option<Service>| Found {
        seen: vec![Sighting::new(project.file, what.to_owned())],
        services: service.into_iter().collect(),
    };
    if folder.has("manage.py") && project.uses("django") {
        return Some(found("a Django project", Some(django(folder, &project))));
    }
    for (framework, package, class) in
        [("FastAPI", "fastapi", "FastAPI("), ("Starlette", "starlette", "Starlette(")]
    {
        if project.uses(package) || (package == "starlette" && project.uses("uvicorn")) {
            let service = asgi(folder, &project, framework, class);
            return Some(found(&format!("a {framework} application"), service));
        }
    }
    if project.uses("flask") {
        return Some(found("a Flask application", flask(folder, &project)));
    }
    Some(found("a Python project without a web framework that is known here", None))
}

struct Project {
    file: &'static str,
    name: String,
    /// Lower case, without versions and extras.
    dependencies: Vec<String>,
    install: &'static str,
}

impl Project {
    fn uses(&self, package: &str) -> bool {
        self.dependencies.iter().any(|dependency| dependency == package)
    }

    fn service(&self, run: String, because: String) -> Service {
        Service {
            build: Some(self.install.to_owned()),
            run: Some(run),
            listens: Listens::told("its command takes PORT"),
            because,
            ..Service::named(&self.name)
        }
    }
}

fn django(folder: &Folder, project: &Project) -> Service {
    let settings = folder.text("manage.py").and_then(|text| settings_package(&text));
    let because = "manage.py, and Django".to_owned();
    let run = match (&settings, project.uses("gunicorn")) {
        (Some(package), true) => format!("gunicorn --bind 0.0.0.0:$PORT {package}.wsgi"),
        _ => "python manage.py runserver 0.0.0.0:$PORT".to_owned(),
    };
    let service = project.service(run, because);
    match settings {
        Some(package) if project.name.is_empty() => {
            Service { name: super::valid_name(&package), ..service }
        }
        _ => service,
    }
}

fn asgi(folder: &Folder, project: &Project, framework: &str, class: &str) -> Option<Service> {
    let Some(application) = application(folder, class) else {
        folder.note(format!("{framework} is used, but no usual file makes a {class}…)"));
        return None;
    };
    let run = format!("uvicorn --host 0.0.0.0 --port $PORT {}", application.place());
    Some(project.service(run, format!("{framework} in {}", application.file)))
}

fn flask(folder: &Folder, project: &Project) -> Option<Service> {
    let Some(application) = application(folder, "Flask(") else {
        folder.note("Flask is used, but no usual file makes a Flask(…)".to_owned());
        return None;
    };
    let place = application.place();
    let because = format!("Flask in {}", application.file);
    let run = if project.uses("gunicorn") {
        format!("gunicorn --bind 0.0.0.0:$PORT {place}")
    } else {
        format!("flask --app {place} run --host 0.0.0.0 --port $PORT")
    };
    Some(project.service(run, because))
}

struct Application {
    file: String,
    variable: String,
}

impl Application {
    /// `app.main:app`, as servers want it.
    fn place(&self) -> String {
        let module = self.file.trim_end_matches(".py").trim_end_matches("/__init__");
        format!("{}:{}", module.replace('/', "."), self.variable)
    }
}

/// The first usual file with a line such as `app = FastAPI(`.
fn application(folder: &Folder, class: &str) -> Option<Application> {
    let usual = USUAL_FILES.iter().map(ToString::to_string);
    let packages = folder.folders("src").into_iter().map(|name| format!("src/{name}/main.py"));
    usual.chain(packages).find_map(|file| {
        let text = folder.text(&file)?;
        let variable = text.lines().find_map(|line| {
            let (variable, value) = line.split_once('=')?;
            let variable = variable.split(':').next().unwrap_or_default().trim_end();
            let identifier = |letter: char| letter.is_alphanumeric() || letter == '_';
            (value.trim_start().starts_with(class) && variable.chars().all(identifier))
                .then(|| variable.to_owned())
        })?;
        Some(Application { file, variable })
    })
}

/// `shop` from `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")`.
fn settings_package(manage: &str) -> Option<String> {
    let after = manage.split_once("DJANGO_SETTINGS_MODULE")?.1;
    let value = after.split(['"', '\'']).find(|part| part.contains("settings"))?;
    let package = value.split('.').next()?;
    let identifier = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    (!package.is_empty() && package.chars().all(identifier)).then(|| package.to_owned())
}

fn project(folder: &Folder) -> Option<Project> {
    let described = folder.toml("pyproject.toml");
    let required = folder.text("requirements.txt");
    let file = match (&described, &required) {
        (Some(_), _) => "pyproject.toml",
        (None, Some(_)) => "requirements.txt",
        (None, None) => return None,
    };
    let project = described.as_ref().and_then(|table| table.get("project"));
    let poetry = described.as_ref().and_then(|table| table.get("tool")?.get("poetry"));
    let name = [project, poetry].into_iter().flatten().find_map(|it| it.get("name")?.as_str());

    let mut dependencies: Vec<String> =
        required.iter().flat_map(|text| text.lines().map(package)).collect();
    let listed = project.and_then(|it| it.get("dependencies")?.as_array()).into_iter().flatten();
    dependencies.extend(listed.filter_map(Value::as_str).map(package));
    let keyed = poetry.and_then(|it| it.get("dependencies")?.as_table()).into_iter().flatten();
    dependencies.extend(keyed.map(|(key, _)| package(key)));

    Some(Project {
        file,
        name: name.unwrap_or_default().to_owned(),
        dependencies,
        install: install(folder, required.is_some()),
    })
}

fn install(folder: &Folder, has_requirements: bool) -> &'static str {
    if folder.has("uv.lock") {
        "uv sync --frozen"
    } else if folder.has("poetry.lock") {
        "poetry install --only main"
    } else if has_requirements {
        "pip install -r requirements.txt"
    } else {
        "pip install ."
    }
}

/// `uvicorn` from `Uvicorn[standard]>=0.30`.
fn package(requirement: &str) -> String {
    let name = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    requirement.trim().chars().take_while(name).collect::<String>().to_ascii_lowercase()
}
