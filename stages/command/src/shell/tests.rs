//! What is put in is run by a real `sh`.

#![allow(clippy::unwrap_used)]
use std::process::Command;

use super::*;

/// Puts a value in for each `@` of a text.
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

const HOSTILE: [&str; 9] = [
    "a; touch /nowhere/x",
    "$(echo ran)",
    "`echo ran`",
    "a' b",
    "a\" b",
    "\n echo ran\n",
    "a\\",
    "*",
    "",
];

#[test]
fn a_value_is_one_word_whatever_it_holds() {
    for text in [
        "printf '<%s>' @",
        "printf '<%s>' \\\n  @ # as it is",
        "# printf '\nprintf '<%s>' @",
        "x=\"a $((1 + (2))) ${HOME}\"; printf '<%s>' @",
        "x=$(printf '<%s>' @; echo .); printf %s \"${x%.*}\"",
        "printf %s \"$(printf '<%s>' @; echo '.)' \"\")\" | sed 's/\\.)$//'",
        "case a in a) printf '<%s>' @;; esac",
        "cat <<E; printf '<%s>' @\nit's\nE\n",
        "cat <<'E' >/dev/null\n\"\nE\nprintf '<%s>' @",
        "cat <<-E >/dev/null\n\t\"\n\tE\nprintf '<%s>' @",
        "true a#' >/dev/null'; printf '<%s>' @",
    ] {
        for value in HOSTILE.into_iter().chain(["plain-0.1", "two words"]) {
            let joined = put(text, value)
                .unwrap()
                .replace("{{", "{")
                .replace("}}", "}");
            let ran = Command::new("sh").args(["-euc", &joined]).output().unwrap();
            let said = String::from_utf8_lossy(&ran.stdout);
            let told = format!("{joined:?} said {said:?}: {ran:?}");
            // A substitution of commands drops line ends.
            assert!(said.contains(&format!("<{value}>")), "{told}");
        }
    }
}

#[test]
fn where_a_value_would_be_code_it_is_refused() {
    for text in [
        "echo \"@\"",
        "echo 'a @'",
        "sh -c 'echo @'",
        "echo \"$(echo \"@\")\"",
        "echo `echo @`",
        "echo `true` @",
        "cat <<E\n@\nE\n",
        "cat <<@\nE\n",
        "# @\n",
        "echo \\@",
        "echo $((@ + 1))",
        "echo ${x:-\"@\"}",
        "echo $'it\\'s' @",
        "echo \"$(case a in a) echo \"@\";; esac)\"",
        "cat <<E\nE @",
        "echo \"$(cat <<E\n@\nE\n)\"",
        "@",
    ] {
        for value in HOSTILE.into_iter().filter(|value| !value.is_empty()) {
            assert!(put(text, value).is_err(), "{text:?} takes {value:?}");
        }
        // What can mean nothing else is put in everywhere.
        let plain = put(text, "v1.5-a/b_ö").unwrap();
        assert_eq!(plain, text.replace('@', "v1.5-a/b_ö"));
    }
    assert_eq!(
        put("echo \"@\"", "two words").unwrap(),
        "echo \"two words\""
    );
    let problem = put("echo \"@\"", "$HOME").unwrap_err();
    insta::assert_snapshot!(
        format!("{}\n{}", problem.message, problem.help.unwrap()),
        @r#"
    `x` stands within quotes, a here-document or a comment, and its value holds what a shell may take for code: "$HOME"
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
}

/// What a shell says of a text.
fn said(text: &str) -> String {
    let ran = Command::new("sh").args(["-euc", text]).output().unwrap();
    assert!(ran.status.success(), "{text:?}: {ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn digits_before_a_redirection_are_a_word() {
    for (text, value, means) in [
        ("echo @>&1", "2", "2"),
        ("echo @\\\n>&1", "2", "2"),
        ("echo @@>&1", "2", "22"),
        ("echo @1>&1", "2", "21"),
        ("echo 1@>&1", "2", "12"),
        ("cat - @</dev/null 2>&1 || :", "0", "0"),
        ("echo \"$(echo @>&1)\"", "2", "2"),
        ("true;echo @>&1", "1", "1"),
        ("cat <<E >/dev/null\nx\nE\necho @>&1", "1", "1"),
    ] {
        let joined = put(text, value).unwrap();
        assert!(said(&joined).contains(means), "{joined:?}");
    }
    assert_eq!(
        put("echo @>{output}/x", "2").unwrap(),
        "echo '2'>{output}/x"
    );
    for (text, value) in [
        ("echo @ >{output}/x", "2"),
        ("echo @>{output}/x", "2a"),
        ("echo a@>{output}/x", "2"),
        ("echo --n=@>{output}/x", "2"),
        ("echo \"@>1\"", "2"),
        ("echo $((@>1))", "2"),
    ] {
        assert_eq!(put(text, value).unwrap(), text.replace('@', value));
    }
}

#[test]
fn a_value_after_a_variable_is_no_part_of_its_name() {
    for (text, value, means) in [
        ("x=1; xy=2; echo $x@", "y", "1y\n"),
        ("x=1; x_=2; echo a$x@", "_", "a1_\n"),
        ("x=1; x7=2; echo $x\\\n@", "7", "17\n"),
        ("x=1; xy=2; xyy=3; echo $x@@", "y", "1yy\n"),
        ("x=1; echo \"$x\"@ \"$x-@\" \"${x}@\"", "y", "1y 1-y 1y\n"),
        ("x=1; echo \"$x@\"", "-y", "1-y\n"),
        ("x=1; echo \\$x@ \"\\$x@\" '$x@'", "y", "$xy $xy $xy\n"),
        ("cat <<'E'\n$x@\nE\n", "y", "$xy\n"),
        ("cat <<E\n\\$x@\nE\n", "y", "$xy\n"),
        ("f() { echo \"$1@\"; }; f a", "y", "ay\n"),
    ] {
        let joined = put(text, value).unwrap();
        assert_eq!(said(&joined), means, "{joined:?}");
    }
    assert_eq!(put("echo $x@", "y").unwrap(), "echo $x'y'");
    assert_eq!(put("echo $x@", "-y").unwrap(), "echo $x-y");
    for (text, value) in [
        ("echo \"$x@\"", "y"),
        ("echo \"$x@\"", "1"),
        ("echo \"$x@\"", "y z"),
        ("echo \"$x\\\n@\"", "_"),
        ("echo \"$x@y\"", ""),
        ("echo \"$(echo \"$x@\")\"", "y"),
        ("echo $(($x@))", "1"),
        ("cat <<E\n$x@\nE\n", "y"),
        ("cat <<E\n\\\\$x@\nE\n", "y"),
    ] {
        assert!(put(text, value).is_err(), "{text:?} takes {value:?}");
    }
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
fn no_value_ends_a_here_document() {
    for (text, value) in [
        ("cat <<END\n@\necho ran\nEND\n", "END"),
        ("cat <<'END'\n@\necho ran\nEND\n", "END"),
        ("cat <<-END\n\t\t@\necho ran\n\tEND\n", "END"),
        ("cat <<END\nE@\necho ran\nEND\n", "ND"),
        ("cat <<END\n@D\necho ran\nEND\n", "EN"),
        ("cat <<EE\n@@\necho ran\nEE\n", "E"),
        ("cat <<END\nEND@\necho ran\nEND\n", ""),
        ("cat <<END\nE\\\n@\necho ran\nEND\n", "ND"),
        ("cat <<A - <<B\nA\n@\necho ran\nB\n", "B"),
        ("cat <<END\na\n@", "END"),
        // Where it is not told what is open.
        ("echo \"$(cat <<END\n@\necho ran\nEND\n)\"", "END"),
        ("cat <<\\END\nE@\necho ran\nEND\n", "ND"),
    ] {
        let problem = put(text, value).unwrap_err();
        assert!(problem.message.contains("here-document"), "{problem:?}");
    }
    for (text, value, means) in [
        ("cat <<END\n@\nEND\n", "EN", "EN\n"),
        ("cat <<END\n@.\n @\nEND\n", "END", "END.\n END\n"),
        ("cat <<END\n\t@\nEND\n", "END", "\tEND\n"),
        ("cat <<END\nEND\necho @\n", "END", "END\n"),
        ("cat <<A >/dev/null; cat <<B\n@\nA\nB\n", "B", ""),
        ("cat <<END\nEND@\nEND\n", "S", "ENDS\n"),
        // The line goes on, so the document does.
        ("cat <<END\na\\\nEND\n\"@\nEND\n", "b", "aEND\n\"b\n"),
        ("cat <<'END'\na\\\nEND\necho @", "b c", "a\\\nb c\n"),
        ("echo \"$(cat <<END\n@\nEND\n)\"", "EN", "EN\n"),
    ] {
        let joined = put(text, value).unwrap();
        assert_eq!(said(&joined), means, "{joined:?}");
    }
    assert!(put("cat <<END\na\\\nEND\n@\nEND\n", "$(echo ran)").is_err());
    assert!(put("cat <<'E'F\nE\n@\nEF\n", "$(echo ran)").is_err());
}
