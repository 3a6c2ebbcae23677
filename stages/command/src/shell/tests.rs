//! Joined texts are run by real shells, in which a program reports the arguments that it got.

#![allow(clippy::unwrap_used)]
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::*;

/// Inserts a value for each `@` of a text.
fn put(text: &str, value: &str) -> Result<String, Problem> {
    let mut pieces = Vec::new();
    for (at, part) in text.split('@').enumerate() {
        if at > 0 {
            let text = value.into();
            pieces.push(Piece::Value { name: "x", text });
        }
        if !part.is_empty() {
            pieces.push(Piece::Written(part));
        }
    }
    join(&pieces)
}

/// A shell in a folder of its own, with a program `argv` that records its arguments.
struct Shell {
    name: &'static str,
    folder: tempfile::TempDir,
}

impl Shell {
    /// Returns all shells that this machine has.
    fn all() -> Vec<Self> {
        let names = ["sh", "dash", "bash", "ksh", "zsh"];
        let is_here = |name: &&str| Command::new(name).args(["-c", ":"]).output().is_ok();
        let here = names.into_iter().filter(is_here);
        here.map(|name| {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("argv");
            let text = "#!/bin/sh\nprintf '<%s>' \"$@\" >> told; echo >> told\n";
            fs::write(&program, text).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            fs::write(folder.path().join("in"), "").unwrap();
            Self { name, folder }
        })
        .collect()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a text and returns the arguments that the program recorded, a line for each call.
    fn told(&self, joined: &str) -> String {
        let text = joined.replace("{{", "{").replace("}}", "}");
        let path = format!("{}:/usr/bin:/bin", self.folder.path().display());
        let mut shell = Command::new(self.name);
        shell
            .args(["-euc", "--", &text])
            .current_dir(self.folder.path());
        let ran = shell.env("PATH", path).env("LANG", "C.UTF-8").output();
        let ran = ran.unwrap();
        let name = self.name;
        assert!(ran.status.success(), "{name}: {text:?}: {ran:?}");
        assert!(!self.path("ran").exists(), "{name}: {text:?} ran a value");
        let told = fs::read_to_string(self.path("told")).unwrap_or_default();
        remove(&self.path("told"));
        remove(&self.path("f"));
        told
    }
}

fn remove(path: &Path) {
    if path.exists() {
        fs::remove_file(path).unwrap();
    }
}

/// Values that a shell might misread.
const HOSTILE: [&str; 45] = [
    "",
    " ",
    "2",
    "0",
    "done",
    "do",
    "if",
    "in",
    "esac",
    "case",
    "time",
    "function",
    "!",
    "{",
    "}",
    "PATH=/nowhere",
    "a+=b",
    "-n",
    "--",
    "~",
    "*",
    "[a-z]*",
    "#x",
    "E",
    "a,b",
    "1..3",
    "a; touch ran",
    "$(touch ran)",
    "`touch ran`",
    "a\n touch ran\n",
    "a' b",
    "a\" b",
    "a\\",
    "\\",
    "a b",
    "a|touch ran",
    "> ran",
    "2>ran",
    "$HOME",
    "${HOME}",
    "{output}",
    ")",
    "(",
    "\r",
    "ö",
];

/// Whether double quotes keep a value unchanged.
fn is_quotable(value: &str) -> bool {
    value.chars().all(|c| c == ' ' || is_plain(c))
}

#[test]
fn a_value_is_a_part_of_one_word_whatever_it_holds() {
    for shell in Shell::all() {
        for (text, told) in [
            ("argv @", "<@>\n"),
            ("argv a@b @@ c", "<a@b><@@><c>\n"),
            ("argv a @>f", "<a><@>\n"),
            ("argv @\\\n>f; argv @@<in", "<@>\n<@@>\n"),
            ("argv a \\\n# it's\nargv @ # it's\n", "<a>\n<@>\n"),
            ("argv a\\\n#b a\r#c @ # it's", "<a#b><a\r#c><@>\n"),
            (
                "x=1; x2=; xdo=; argv $x@ ${x}@ \"a $x\"@",
                "<1@><1@><a 1@>\n",
            ),
            ("@ >f 2>&1 <in || :\nargv b", "<b>\n"),
            ("if @ >f 2>&1; then :; fi\nargv b", "<b>\n"),
            ("argv {{@}}>f {{@}}", "<{@}><{@}>\n"),
            ("case @ in z) ;; @) argv @;; esac", "<@>\n"),
            ("for x in @ c; do argv \"$x\"; done", "<@>\n<c>\n"),
            ("f() {{ argv @ $1; }}; f a; (argv @)", "<@><a>\n<@>\n"),
            (
                "x=$(argv @>f; (argv @)); argv \"$(argv @>f; echo '.)' \")\")\" @",
                "<@>\n<@>\n<@>\n<.) )><@>\n",
            ),
            ("argv `echo a` $((1 + (2))) @>f", "<a><3><@>\n"),
            ("cat <<E >f\nit's\nE\nargv @>f", "<@>\n"),
            (
                "cat <<'A' - <<-B >f\n`$( \\\nA\n\t\"\n\tB\nargv @>f",
                "<@>\n",
            ),
        ] {
            for value in HOSTILE {
                let joined = put(text, value).unwrap();
                assert_eq!(
                    shell.told(&joined),
                    told.replace('@', value),
                    "{}: {joined}",
                    shell.name
                );
            }
        }
    }
}

#[test]
fn in_brackets_a_value_is_no_range_and_no_class() {
    for shell in Shell::all() {
        for file in ["-", "m", "a]", "m]", "x-"] {
            fs::write(shell.path(file), "").unwrap();
        }
        for (text, value, told) in [
            ("argv [@]", "a-z", "<->\n"),
            ("argv [_@]", "-z", "<->\n"),
            ("argv \\\\@ [@]", "a-z", "<\\a-z><->\n"),
            ("argv [[@]]", ":alpha:", "<a]>\n"),
            ("argv x[[:digit:]@]", ".-~", "<x->\n"),
            (
                "case m in [@]) argv yes;; *) argv no;; esac",
                "a-z",
                "<no>\n",
            ),
            (
                "case - in [@]) argv yes;; *) argv no;; esac",
                "a-z",
                "<yes>\n",
            ),
            ("[ @ = a-z ] && argv @", "a-z", "<a-z>\n"),
        ] {
            let joined = put(text, value).unwrap();
            assert_eq!(shell.told(&joined), told, "{}: {joined}", shell.name);
        }
    }
    for (text, joined) in [
        ("echo @ [ @ ]", "echo a-z [ a-z ]"),
        ("echo \\[@\\]", "echo \\[a-z\\]"),
        ("echo '['@", "echo '['a-z"),
        ("echo [@]", "echo ['a-z']"),
    ] {
        assert_eq!(put(text, "a-z").unwrap(), joined);
    }
}

#[test]
fn within_quotes_a_value_is_itself_or_refused() {
    for shell in Shell::all() {
        for (text, told) in [
            ("argv \"@\" 'a @' \"a\\\\@\"", "<@><a @><a\\@>\n"),
            ("argv \"@>f\" '$x@' \"\\$x@\"", "<@>f><$x@><$x@>\n"),
            ("# @\nargv a # @", "<a>\n"),
            (
                "argv \"$(argv \"@\">f)\"; sh -c 'argv \"@\"'",
                "<@>\n<>\n<@>\n",
            ),
        ] {
            for value in HOSTILE {
                match put(text, value) {
                    Ok(joined) => {
                        assert!(is_quotable(value), "{text:?} takes {value:?}");
                        assert_eq!(shell.told(&joined), told.replace('@', value), "{joined}");
                    }
                    Err(_) => assert!(!is_quotable(value), "{text:?} refuses {value:?}"),
                }
            }
        }
    }
    let problem = put("echo \"@\"", "$HOME").unwrap_err();
    insta::assert_snapshot!(
        format!("{}\n{}", problem.message, problem.help.unwrap()),
        @r#"
    `x` stands within quotes or a comment, and its value holds what a shell may take for code: "$HOME"
    hand it over by the environment: env = { X = "${x}" } and "$X" here; outside of quotes it is quoted by itself
    "#
    );
    // The value would continue the name of the shell's variable.
    for text in [
        "echo \"$x@\"",
        "echo \"$x\\\n@\"",
        "echo \"$(echo \"$x@\")\"",
    ] {
        for value in ["y", "1", "_", "y z"] {
            assert!(put(text, value).is_err(), "{text:?} takes {value:?}");
        }
        assert!(put(text, "-y").is_ok());
    }
    assert!(put("echo \"$x@y\"", "").is_err());
    let problem = put("echo \"$d@\"", "y").unwrap_err();
    insta::assert_snapshot!(
        format!("{}\n{}", problem.message, problem.help.unwrap()),
        @r#"
    `x` follows a variable of the shell's own, and its value would be read as a part of that one's name: "y"
    hand it over by the environment: env = { X = "${x}" } and "$X" here; outside of quotes it is quoted by itself
    "#
    );
}

#[test]
fn where_it_is_not_certain_what_a_value_would_be_every_value_is_refused() {
    for text in [
        "cat <<E\n@\nE\n",
        "cat <<'E'\n@\nE\n",
        "cat <<-E\n\t@\nE\n",
        "cat <<E\n$(argv @>f)\nE\n",
        "cat <<E\n\"$(cat <<A\n@\nA\n)\"\nE\n",
        "cat <<E\nE@",
        "cat <<E\nE\\\n@\nE\n",
        "cat <<E\n`\nE\n`\nargv @\nE",
        "cat <<E\n$(\nE\n)\nargv @\nE",
        "cat <<E\na\\\nE\nargv @\nE",
        "cat <<E \"\n\"\nE\nargv @",
        "cat <<E $(\n)\nE\nargv @",
        "cat <<E $( # a\n)\nE\nargv @",
        "cat <<\\E\nx\nE\nargv @",
        "cat <<'E'F\nE\nEF\nargv @",
        "cat <\\\n<E\n'\nE\nargv @",
        "cat <<@\nE\n",
        "cat <<<@",
        "x=$(cat <<E\n)\nE\n); argv @",
        "argv `argv @`",
        "argv \"`argv @`\"",
        "argv `argv \"a\"` @",
        "argv `argv \\` @",
        "argv $((@ + 1))",
        "argv $((1 + @))",
        "argv $((a[@]))",
        "argv $(( (1) + 1 ) @)",
        "argv $[@] @",
        "((@ > 1))",
        "(\\\n(@ > 1))",
        "argv ${@}",
        "argv ${x:-@}",
        "argv ${x:-\"@\"}",
        "argv ${x#'}'} @",
        "argv \"${x:-'}'}\" @",
        "argv $@",
        "argv \"$@\"",
        "argv $'it\\'s' @",
        "argv \\@",
        "argv \"\\@\"",
        "x=$(case a in a) argv @;; esac)",
        "x=$(ca\\\nse a in a) argv @;; esac)",
        "argv \"$(case a in a) argv \"@\";; esac)\"",
    ] {
        for value in HOSTILE.into_iter().chain(["y", "0.4"]) {
            assert!(put(text, value).is_err(), "{text:?} takes {value:?}");
        }
    }
    // The value would end the here-document early.
    assert!(put("cat <<E @\nE\n", "a\nE").is_err());
    // The shell must not run a value as code.
    for value in HOSTILE
        .into_iter()
        .filter(|value| !value.chars().all(is_plain) || value.is_empty())
    {
        assert!(put("@", value).is_err());
    }
    let problem = put("cat <<E\n@\nE\n", "0.4").unwrap_err();
    insta::assert_snapshot!(
        format!("{}\n{}", problem.message, problem.help.unwrap()),
        @r#"
    `x` stands in a here-document or behind it, where shells do not agree on how a value is read: "0.4"
    hand it over by the environment: env = { X = "${x}" } and "$X" here; outside of quotes it is quoted by itself
    "#
    );
}

#[test]
fn keys_of_plain_values_stay_and_braces_are_safe_from_places() {
    assert_eq!(put("run @ {output}", "0.4").unwrap(), "run 0.4 {output}");
    assert_eq!(put("run @", "{output}").unwrap(), "run '{{output}}'");
    assert_eq!(put("run @", "${x}").unwrap(), "run '${{x}}'");
    assert_eq!(put("run @ b", "").unwrap(), "run '' b");
    for (text, value) in [
        ("echo @ >{output}/x", "2"),
        ("echo @>{output}/x", "2a"),
        ("echo a@>{output}/x", "2"),
        ("echo --n=@>{output}/x", "2"),
        ("echo \"@>1\" '@ '", "2"),
        ("echo --a=b@ @", "v1.5-a/b_ö"),
        ("echo $x@ @", "-done"),
        ("echo --x @", "--lr=0.1"),
    ] {
        assert_eq!(put(text, value).unwrap(), text.replace('@', value));
    }
    assert_eq!(
        put("echo @>{output}/x", "2").unwrap(),
        "echo '2'>{output}/x"
    );
}

#[test]
fn a_path_within_quotes_is_plain_or_refused() {
    let filled = |text: &str, path: &str| {
        let text = crate::places::Text::parse(text, &["f".into()]).unwrap();
        let places = [("f".to_owned(), path.to_owned())].into();
        fill(&text.pieces(&places))
    };
    for shell in Shell::all() {
        for value in HOSTILE {
            let path = format!("/d/f.{value}");
            for (text, told) in [
                ("argv {f} a{f} '#' {f}", "</d/f.@><a/d/f.@><#></d/f.@>\n"),
                ("argv \"$(argv {f} >f)\" {f}", "</d/f.@>\n<></d/f.@>\n"),
            ] {
                assert_eq!(
                    shell.told(&filled(text, &path).unwrap()),
                    told.replace('@', value)
                );
            }
            for text in ["argv '{f}'", "sh -c 'argv {f}'", "argv 'a' \"{f}\""] {
                match filled(text, &path) {
                    Ok(filled) => drop(shell.told(&filled)),
                    Err(_) => assert!(!value.chars().all(is_plain), "{value}"),
                }
            }
        }
    }
    let error = filled("cat \"{f}\"", "/d/f.$(x)").unwrap_err();
    insta::assert_snapshot!(
        format!("{error}\n{}", error.remedy().unwrap()),
        @r#"
    {f} in `shell`: stands within quotes, and its path holds what a shell may take for code: "/d/f.$(x)"
    write it outside of quotes: it is quoted by itself
    "#
    );
}
