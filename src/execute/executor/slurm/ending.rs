//! What Slurm's word on a job means.

use super::engine::End;
use crate::failure::{Failure, FailureKind};

/// Reasons for which a job that is queued will never run, as far as the request is to blame.
const HOPELESS: [&str; 8] = [
    "PartitionConfig",
    "BadConstraints",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "DependencyNeverSatisfied",
    "AssocMaxJobsLimit",
    "AccountNotAllowed",
    "QOSNotAllowed",
];
/// Reasons that pass when a node comes back, or never.
const PERHAPS: [&str; 2] = ["ReqNodeNotAvail", "NodeDown"];

/// What is to be done about a job that has ended without a word.
pub(super) enum Verdict {
    /// To submit it again; `fault` if that may not be done for ever.
    Again { why: String, fault: bool },
    /// Nothing.
    Failed(Failure),
}

/// Whether a job that waits for this reason waits as all do, for its turn.
pub(super) fn is_usual(reason: &str) -> bool {
    matches!(reason, "" | "None" | "Priority" | "Resources" | "BeginTime")
}

/// Says that a job which is queued for this reason cannot start.
pub(super) fn cannot_start(reason: &str, id: u64) -> Option<Failure> {
    let word = reason.split([',', ' ']).next().unwrap_or_default();
    let remedy = match word {
        word if HOPELESS.contains(&word) => {
            "ask for what the partition has (`sinfo -o '%P %c %m %G %l'`) in `resources` of the stage or in [executor.slurm] of your settings"
        }
        word if PERHAPS.contains(&word) => {
            "no node that it asks for is up (`sinfo -R` tells why): ask for others, or run again when they are"
        }
        _ => return None,
    };
    let message = format!("job {id} cannot start, Slurm says {reason}: it was cancelled");
    let mut failure = Failure::new(FailureKind::Input, message);
    failure.remedy = Some(remedy.into());
    Some(failure)
}

/// Judges a job that has ended and of which nothing more is heard. `advanced` says whether it has left a later checkpoint than
/// there was when it began.
pub(super) fn judge(end: &End, id: u64, advanced: bool) -> Verdict {
    let End {
        state,
        code,
        signal,
        nodes,
    } = end;
    let failed = |message: String, remedy: &str| {
        let mut failure = Failure::new(FailureKind::Failed, message);
        failure.remedy = Some(remedy.to_owned());
        Verdict::Failed(failure)
    };
    match state.as_str() {
        "NODE_FAIL" | "BOOT_FAIL" | "PREEMPTED" | "REVOKED" => Verdict::Again {
            why: format!("job {id} lost its node {nodes} ({state})"),
            fault: state != "PREEMPTED" || !advanced,
        },
        "TIMEOUT" | "DEADLINE" if advanced => Verdict::Again {
            why: format!("job {id} reached its time limit, and has left a checkpoint"),
            fault: false,
        },
        "TIMEOUT" | "DEADLINE" => failed(
            format!("job {id} reached its time limit before its first checkpoint"),
            "give it more time: resources = { time = \"4h\" } in its stage, or `time` in [executor.slurm] of your settings",
        ),
        "OUT_OF_MEMORY" => failed(
            format!("job {id} was killed for want of memory"),
            "declare what it needs: resources = { memory = \"…\" } in its stage",
        ),
        "CANCELLED" => failed(
            format!("job {id} was cancelled, and not by this run"),
            "run again: it goes on from its last checkpoint",
        ),
        _ if *signal == 9 => failed(
            format!("job {id} was killed (signal 9), perhaps for want of memory"),
            "declare what it needs: resources = { memory = \"…\" } in its stage",
        ),
        _ if *signal > 0 => failed(
            format!("job {id} was ended by signal {signal} ({state})"),
            "its log tells what it was about",
        ),
        "COMPLETED" => failed(
            format!("job {id} has ended, and its result is not to be seen here"),
            "see that the store lies where all nodes see the same files; on a slow file system raise `grace` in [executor.slurm]",
        ),
        _ => failed(
            format!("job {id} ended with code {code} and said nothing ({state})"),
            "see that program and store have the same paths on all nodes; its log tells more",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn told(state: &str, code: i32, signal: i32, advanced: bool) -> String {
        let end = End {
            state: state.into(),
            code,
            signal,
            nodes: "n1".into(),
        };
        match judge(&end, 7, advanced) {
            Verdict::Again { why, fault } => format!("again (fault: {fault}): {why}"),
            Verdict::Failed(failure) => format!("failed: {}", failure.message),
        }
    }

    #[test]
    fn what_the_job_cannot_help_is_tried_again() {
        insta::assert_snapshot!(told("NODE_FAIL", 0, 0, true), @"again (fault: true): job 7 lost its node n1 (NODE_FAIL)");
        insta::assert_snapshot!(told("PREEMPTED", 0, 15, true), @"again (fault: false): job 7 lost its node n1 (PREEMPTED)");
        insta::assert_snapshot!(told("TIMEOUT", 0, 15, true), @"again (fault: false): job 7 reached its time limit, and has left a checkpoint");
        insta::assert_snapshot!(told("TIMEOUT", 0, 15, false), @"failed: job 7 reached its time limit before its first checkpoint");
    }

    #[test]
    fn what_it_can_is_told() {
        insta::assert_snapshot!(told("FAILED", 127, 0, true), @"failed: job 7 ended with code 127 and said nothing (FAILED)");
        insta::assert_snapshot!(told("FAILED", 0, 9, true), @"failed: job 7 was killed (signal 9), perhaps for want of memory");
        insta::assert_snapshot!(told("OUT_OF_MEMORY", 0, 9, true), @"failed: job 7 was killed for want of memory");
        insta::assert_snapshot!(told("COMPLETED", 0, 0, true), @"failed: job 7 has ended, and its result is not to be seen here");
    }

    #[test]
    fn what_can_never_start_is_told_apart_from_what_waits() {
        for reason in ["Resources", "Priority", "None", "BeginTime"] {
            assert!(cannot_start(reason, 1).is_none(), "{reason}");
        }
        let failure = cannot_start("ReqNodeNotAvail, UnavailableNodes:n2", 1).unwrap();
        assert!(failure.message.contains("UnavailableNodes:n2"));
        assert!(cannot_start("PartitionConfig", 1).is_some());
    }
}
