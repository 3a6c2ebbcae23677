//! Reasons as sentences.

use std::fmt;

use serde_json::Value;

use super::{Cause, Change, How, Why};

/// How many files of one input are named at most.
const FILES: usize = 4;
/// How many jobs that others wait for are named at most.
const CAUSES: usize = 3;

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cached {
                made_as,
                code_changed,
                version,
            } => {
                write!(
                    f,
                    "all that its key holds is as it was when `{made_as}` ran"
                )?;
                match code_changed {
                    Some(true) => write!(
                        f,
                        "; its code has changed since, its behaviour version is {version} as before"
                    ),
                    Some(false) => f.write_str("; its code has not changed since"),
                    None => Ok(()),
                }
            }
            Self::First => f.write_str("no result of its kind is known"),
            Self::Changed { nearest, changes } => {
                f.write_str(&joined(changes))?;
                write!(f, " (against `{nearest}`)")
            }
            Self::Damaged { reason } => write!(f, "its result is damaged in the store: {reason}"),
            Self::Away { reason } => f.write_str(reason),
            Self::Waits {
                nearest,
                inputs,
                causes,
            } => {
                let inputs: Vec<String> = inputs
                    .iter()
                    .map(|(name, job)| format!("{name} from `{job}`"))
                    .collect();
                write!(f, "needs {}, to run first", inputs.join(" and "))?;
                write_causes(f, causes)?;
                match nearest {
                    Some((nearest, changes)) if !changes.is_empty() => {
                        write!(f, "; {} (against `{nearest}`)", joined(changes))
                    }
                    _ => Ok(()),
                }
            }
            Self::Broken { failure } => f.write_str(&failure.message),
        }
    }
}

/// Says in which jobs the chain of waiting begins.
fn write_causes(f: &mut fmt::Formatter<'_>, causes: &[Cause]) -> fmt::Result {
    for (at, Cause { label, why }) in causes.iter().take(CAUSES).enumerate() {
        let and = if at == 0 {
            ", which goes back to"
        } else {
            ", and to"
        };
        write!(f, "{and} `{label}`: ")?;
        match &**why {
            // The job waits for its inputs as well, which need not be told again.
            Why::Waits {
                nearest: Some((nearest, changes)),
                ..
            } => write!(f, "{} (against `{nearest}`)", joined(changes))?,
            Why::Broken { failure } => write!(f, "it cannot run: {}", failure.message)?,
            why => write!(f, "{why}")?,
        }
    }
    match causes.len().saturating_sub(CAUSES) {
        0 => Ok(()),
        more => write!(f, ", and to {more} more"),
    }
}

fn joined(changes: &[Change]) -> String {
    let texts: Vec<String> = changes.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter { name, old, new } => {
                write!(
                    f,
                    "{name}: {} → {}",
                    value(old.as_ref()),
                    value(new.as_ref())
                )
            }
            Self::Input {
                name,
                old,
                new,
                files,
            } => {
                let [old, new] = [old, new].map(|digest| short(digest.as_deref()));
                write!(f, "input {name}: {old} → {new}")?;
                let Some(files) = files else { return Ok(()) };
                let told = files.iter().take(FILES).map(|file| match file.how {
                    How::Changed => format!("{} changed", file.path),
                    How::Added => format!("{} added", file.path),
                    How::Gone => format!("{} gone", file.path),
                });
                let mut told: Vec<String> = told.collect();
                if files.len() > FILES {
                    told.push(format!("and {} more", files.len() - FILES));
                }
                // Where no file differs, the two contents are of different kinds, and there is no file to name.
                match told.is_empty() {
                    true => Ok(()),
                    false => write!(f, " ({})", told.join(", ")),
                }
            }
            Self::Version { old, new } => {
                write!(
                    f,
                    "behaviour version: {old} → {new}, its code gives other bytes"
                )
            }
            Self::Numerics { old, new } => {
                let [old, new] = [old, new].map(|class| class.as_deref().unwrap_or("none"));
                write!(f, "numerics class: {old} → {new}")
            }
        }
    }
}

fn value(value: Option<&Value>) -> String {
    match value {
        None => "not given".into(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

fn short(digest: Option<&str>) -> &str {
    match digest {
        None => "not given",
        Some(digest) => digest.get(..12).unwrap_or(digest),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::why::FileChange;

    #[test]
    fn reasons_read_as_sentences() {
        let files = ["a", "b", "c", "d", "e", "f"].map(|path| FileChange {
            path: path.into(),
            how: How::Changed,
        });
        let changes = vec![
            Change::Version { old: 1, new: 2 },
            Change::Numerics {
                old: None,
                new: Some("cpu-f32/2".into()),
            },
            Change::Parameter {
                name: "masking.corrupt".into(),
                old: Some(json!(0.4)),
                new: Some(json!(0.3)),
            },
            Change::Parameter {
                name: "vocab".into(),
                old: None,
                new: Some(json!("a.txt")),
            },
            Change::Input {
                name: "text".into(),
                old: Some("0123456789abcdef".into()),
                new: None,
                files: Some(files.to_vec()),
            },
        ];
        let nearest = "pretrain[m=0.4]".to_owned();
        let whys = [
            Why::Cached {
                made_as: nearest.clone(),
                code_changed: Some(true),
                version: 2,
            },
            Why::Cached {
                made_as: nearest.clone(),
                code_changed: Some(false),
                version: 2,
            },
            Why::First,
            Why::Waits {
                nearest: Some((nearest.clone(), changes[2..3].to_vec())),
                inputs: vec![("tokens".into(), "tokens".into())],
                causes: Vec::new(),
            },
            Why::Waits {
                nearest: None,
                inputs: vec![("tokens".into(), "tokens".into())],
                causes: vec![
                    Cause {
                        label: "corpus".into(),
                        why: Box::new(Why::Changed {
                            nearest: "corpus".into(),
                            changes: changes[4..].to_vec(),
                        }),
                    },
                    Cause {
                        label: "tokenizer".into(),
                        why: Box::new(Why::Waits {
                            nearest: Some(("tokenizer".into(), changes[3..4].to_vec())),
                            inputs: vec![("corpus".into(), "corpus".into())],
                            causes: Vec::new(),
                        }),
                    },
                ],
            },
            Why::Changed { nearest, changes },
        ];
        let text: Vec<String> = whys.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"), @r##"
        all that its key holds is as it was when `pretrain[m=0.4]` ran; its code has changed since, its behaviour version is 2 as before
        all that its key holds is as it was when `pretrain[m=0.4]` ran; its code has not changed since
        no result of its kind is known
        needs tokens from `tokens`, to run first; masking.corrupt: 0.4 → 0.3 (against `pretrain[m=0.4]`)
        needs tokens from `tokens`, to run first, which goes back to `corpus`: input text: 0123456789ab → not given (a changed, b changed, c changed, d changed, and 2 more) (against `corpus`), and to `tokenizer`: vocab: not given → a.txt (against `tokenizer`)
        behaviour version: 1 → 2, its code gives other bytes; numerics class: none → cpu-f32/2; masking.corrupt: 0.4 → 0.3; vocab: not given → a.txt; input text: 0123456789ab → not given (a changed, b changed, c changed, d changed, and 2 more) (against `pretrain[m=0.4]`)
        "##);
    }
}
