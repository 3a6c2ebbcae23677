//! Links that lead nowhere.

use std::fs;
use std::path::Path;

/// What is wrong with a link that leads nowhere, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dangling {
    /// What the link is: a lowercase fragment.
    pub(crate) what: &'static str,
    /// How to get the data that the link stands for.
    pub(crate) remedy: String,
}

/// Says what a path is, if it is a link that leads nowhere. git-annex leaves such a link in the place of a file that was not
/// fetched.
pub(crate) fn dangling(path: &Path) -> Option<Dangling> {
    let target = fs::read_link(path).ok()?;
    if path.try_exists().ok()? {
        return None;
    }
    let mut steps = target.components().map(|step| step.as_os_str());
    let is_annexed =
        steps.any(|step| step == "annex") && steps.next().is_some_and(|step| step == "objects");
    Some(match is_annexed {
        true => Dangling {
            what: "a link of git-annex to a file that was not fetched",
            remedy: format!(
                "fetch it, where the repository is: git annex get {}",
                path.file_name().unwrap_or_default().to_string_lossy()
            ),
        },
        false => Dangling {
            what: "a link that leads nowhere",
            remedy: "have it lead to the data, or name those".into(),
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_of_git_annex_is_told_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let link = |name: &str, target: &str| {
            let path = folder.path().join(name);
            symlink(target, &path).unwrap();
            dangling(&path).map(|dangling| (dangling.what, dangling.remedy))
        };
        let annexed = link(
            "a.txt",
            "../.git/annex/objects/Xk/1z/SHA256E-s9--01.txt/SHA256E-s9--01.txt",
        )
        .unwrap();
        assert_eq!(
            annexed.0,
            "a link of git-annex to a file that was not fetched"
        );
        assert!(annexed.1.ends_with("git annex get a.txt"), "{}", annexed.1);
        for target in ["gone", "annex", "annex/other", "objects/annex"] {
            let name = format!("to-{}", target.replace('/', "-"));
            let told = link(&name, target).unwrap();
            assert_eq!(told.0, "a link that leads nowhere", "{target}");
        }
        fs::write(folder.path().join("there"), "").unwrap();
        assert_eq!(link("fine", "there"), None);
        assert_eq!(dangling(&folder.path().join("there")), None);
        assert_eq!(dangling(&folder.path().join("nothing")), None);
    }
}
