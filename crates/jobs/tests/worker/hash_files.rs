//! `hashFiles`, held against hashes that GitHub's own implementation came to.

use std::os::unix::fs::symlink;

use crate::support::*;

/// The same tree for which the expected hashes were made.
fn tree(machine: &Machine) {
    for (path, text) in [
        ("package-lock.json", "{}\n"),
        ("a/package-lock.json", "{\"a\":1}\n"),
        ("a/b/package-lock.json", "{\"b\":2}\n"),
        ("B/file.txt", "upper\n"),
        ("b/file.txt", "lower\n"),
        ("b/.hidden/file.txt", "hidden\n"),
        ("b/x-1.lock", "1\n"),
        ("b/x-a.lock", "a\n"),
        ("b/empty", ""),
        ("node_modules/p/package-lock.json", "{}\n"),
        ("we[i]rd/file.txt", "weird\n"),
        ("ü/file.txt", "umlaut\n"),
    ] {
        machine.write(path, text);
    }
    symlink("b", machine.workspace("link")).expect("a link");
    symlink("b/file.txt", machine.workspace("file-link.txt")).expect("a link");
}

#[test]
fn the_same_files_have_the_same_hash_as_on_github() {
    let machine = Machine::new();
    tree(&machine);
    let line = |(arguments, _): &(&str, &str)| format!("echo '${{{{ hashFiles({arguments}) }}}}'");
    let script = EXPECTED.iter().map(line).collect::<Vec<_>>().join("\n");
    let outcome = machine.run(vec![run(&script)]).succeeded();
    let said = outcome.said(0);
    let found: Vec<&str> = said.lines().collect();
    for ((arguments, expected), found) in EXPECTED.iter().zip(found) {
        assert_eq!(found, *expected, "hashFiles({arguments})");
    }
}

#[test]
fn patterns_that_leave_the_workspace_are_refused_or_find_nothing() {
    let machine = Machine::new();
    let outcome = machine
        .run(vec![
            run("echo '[${{ hashFiles('/etc/passwd') }}]'"),
            run("echo '${{ hashFiles('../x') }}'"),
        ])
        .failed();
    assert_eq!(outcome.said(0), "[]\n");
    assert!(outcome.why(1).contains("the pattern `../x` holds `.` or `..`"), "{}", outcome.why(1));
}

/// Arguments, and what `@actions/glob` 0.7.0 with the script of GitHub's runner came to.
const EXPECTED: &[(&str, &str)] = &[
    ("'package-lock.json'", "99c9eabdf3d25ff2826c4296b31961c421da47bffdeb182ab32394973114c297"),
    ("'**/package-lock.json'", "644c2987f3b537fed95c23cd7f797a69f43771c655014a36d4c773e46bbb961a"),
    (
        "'**/package-lock.json', '!node_modules/**'",
        "ad20b27af4474dd2e6a9f1e573004b4867ec01741e1ef51a059fede8f3576f87",
    ),
    (
        "'!node_modules/**', '**/package-lock.json'",
        "644c2987f3b537fed95c23cd7f797a69f43771c655014a36d4c773e46bbb961a",
    ),
    ("'**'", "7635440633d7db39524ab41a270f1d9dc63fd3262ae6a4250712dfeedf6b5e7d"),
    ("'b'", "355fe13371e56a672583f94f435d95b4a8669e8dcbae555e516b2b0e18f6b6c8"),
    ("'b/'", "355fe13371e56a672583f94f435d95b4a8669e8dcbae555e516b2b0e18f6b6c8"),
    (
        "'B/file.txt', 'b/file.txt'",
        "8a747915246e6a1b6226c824e3290adb981627011a009cc5011bf541fa226de5",
    ),
    (
        "'b/file.txt', 'B/file.txt'",
        "d8fdcfa5fc51dc43f1c50afaa90abeee7b9dd7d12d3dc00e6e1f8123159d9bd8",
    ),
    ("'**/*.txt'", "69ab587b72a6d1428363bf5eabf81c58f2e30d2a84eb389968ed760b523ff6b7"),
    (
        "'**/file.txt', '!**/.hidden/**'",
        "4adfd30e94f65402a226adfc258e55c891e54c76fb476a04f2b22c41ddeecfe9",
    ),
    ("'b/*'", "355fe13371e56a672583f94f435d95b4a8669e8dcbae555e516b2b0e18f6b6c8"),
    ("'b/x-[0-9].lock'", "7d759b16b9254aaca9ffb2fddaf5e97ef724f28d7428e0b3409f82ca82b4b09a"),
    ("'b/x-[!0-9].lock'", "225f1bbbc4b1a3d97c622a492d91ea8d6858d7e1164bbbb5953f74311d6d222e"),
    ("'b/x-?.lock'", "1df3f6e41364eb4b17fe4810d69e730122992a7d7c8a17d5ab078e1bc8125846"),
    ("'./a/**'", "3fc11ffa01500938e35ab5d80c506a4f9dff1d9a68e1dafa18b5893016c5e44b"),
    ("'a/**/b/*.json'", "941747b9d540b2ce6acc0dc6bef5f576d51641a199aefc75f4fbdc545a253283"),
    ("'nothing/**'", ""),
    (
        "'--follow-symbolic-links', '**/file.txt'",
        "978c9ecfd10c90561e41f52987bc67cfb630ba0500904c21b240349792df5557",
    ),
    ("'link/**'", ""),
    (
        "'--follow-symbolic-links', 'link/**'",
        "355fe13371e56a672583f94f435d95b4a8669e8dcbae555e516b2b0e18f6b6c8",
    ),
    ("'file-link.txt'", "6e4b06b7b6c60f276c7dbf1a5688ac9ca3c64dfe69b0d43b578c88d410fdf46e"),
    ("'we[[]i]rd/*'", "465de9c5d54c76d50eeb40018465f90b65640cceb83a2bbd6c9595f45a7fb8fd"),
    (r"'we\[i]rd/file.txt'", "465de9c5d54c76d50eeb40018465f90b65640cceb83a2bbd6c9595f45a7fb8fd"),
    ("'ü/*'", "1ec473a6a4f6f0f0bf8cabcd9f02332075c86e605aa91dc0b7674dc40dee9932"),
    ("'# comment', 'a'", "3fc11ffa01500938e35ab5d80c506a4f9dff1d9a68e1dafa18b5893016c5e44b"),
    ("'*/'", "094cc47e8028d8be3ab31ec63b38374675e744d804d16969377ab67722fcaec6"),
    ("'**/'", "7635440633d7db39524ab41a270f1d9dc63fd3262ae6a4250712dfeedf6b5e7d"),
    ("'*'", "7635440633d7db39524ab41a270f1d9dc63fd3262ae6a4250712dfeedf6b5e7d"),
    ("'**/b'", "afd3c08f6bc7fa4e99bf65f2eba8448deae67894cda011f8f31672a7bb5ea3b3"),
    ("'!a', 'a'", "3fc11ffa01500938e35ab5d80c506a4f9dff1d9a68e1dafa18b5893016c5e44b"),
    (
        "'a', '!a/b', 'a/b/package-lock.json'",
        "3fc11ffa01500938e35ab5d80c506a4f9dff1d9a68e1dafa18b5893016c5e44b",
    ),
    ("'a', '!a/b/'", "1174e121f6acd43dff812f7365151d33484ab1f2e289999f7341f70df7a659db"),
    ("'a/*', '!a/b'", "1174e121f6acd43dff812f7365151d33484ab1f2e289999f7341f70df7a659db"),
    ("'{a,b}/file.txt'", ""),
    ("'b/+(x)*'", ""),
    (
        "'b/x-1.lock ', ' b/x-a.lock'",
        "1df3f6e41364eb4b17fe4810d69e730122992a7d7c8a17d5ab078e1bc8125846",
    ),
    ("'!!b/empty'", "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"),
];
