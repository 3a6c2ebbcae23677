"""What a store must survive: kills, a kill at each system call, errors of the system at each write, damage, crowds.

    python3 benches/endurance.py kills --number 1000
    python3 benches/endurance.py calls            # needs strace
    python3 benches/endurance.py errors           # needs strace
    python3 benches/endurance.py damage --number 300
    python3 benches/endurance.py crowd --number 20

Each makes a small pipeline that trains, runs it undisturbed for the digests to compare with, and then disturbs it. What must
hold is checked after every disturbance: no wrong digest, no refusal to go on, no panic, and no more work repeated than since
the last checkpoint. It ends with exit code 1 at the first thing that does not hold, and leaves the folder.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

PIPELINE = """[stage.world]
use = "world"
seed = 0
size = "tiny"

[stage.corpus]
use = "corpus"
source = "@world/text"

[stage.tokenizer]
use = "tokenizer"
corpus = "@corpus"
vocab_size = 300

[stage.tokens]
use = "tokenize"
corpus = "@corpus"
tokenizer = "@tokenizer"
length = 24

[stage.benchmark]
use = "benchmarks"
source = "@world/glue_data"
task = "sst2"

[stage.majority]
use = "majority"
data = "@benchmark"

[vars]
seed = 0

[stage.pretrain]
use = "pretrain"
tokens = "@tokens"
size = "nano"
steps = 60
batch = 8
checkpoint_every = 5
seed = "${seed}"

[table.all]
rows = [{ label = "trained" }, { label = "majority", cell = "@majority" }]
columns = [{ label = "main score" }]
cell = "@pretrain"
over = { seed = [0, 1] }

[profile.plain]
default = true
"""

# Two jobs without training: they commit results with few system calls.
SHORT = PIPELINE[: PIPELINE.index("[stage.tokenizer]")]

# The allowed exit codes: success, unreadable pipeline, failed stage, interruption, no store, and no room to write.
ALLOWED = {0, 2, 10, 11, 12, 13}


class Project:
    """A folder with a pipeline and a store."""

    def __init__(self, pipe: str, folder: Path, pipeline: str, targets: list[str]):
        self.pipe, self.folder, self.targets = pipe, folder, targets
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pipeline.toml").write_text(pipeline)

    def command(self) -> list[str]:
        return [self.pipe, "run", *self.targets, "--threads", "2"]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                start_new_session=True)

    def run(self, *arguments: str, command: list[str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command or [self.pipe, *arguments], cwd=self.folder, capture_output=True, text=True)

    def finish(self) -> None:
        """Runs undisturbed; that must end well, however the store was left."""
        done = self.run(command=self.command())
        if done.returncode != 0:
            wrong(self, f"refused to go on: code {done.returncode}\n{done.stderr}")

    def digests(self) -> dict[str, str]:
        plan = json.loads(self.run("plan", *self.targets, "--json").stdout)
        return {job["label"]: job.get("artifact", "") for job in plan["jobs"]}

    def check(self, expected: dict[str, str]) -> None:
        found = self.digests()
        if found != expected:
            wrong(self, f"other digests: {found} instead of {expected}")

    def store(self, pattern: str) -> list[Path]:
        return sorted(path for path in (self.folder / ".pipe").glob(pattern) if path.is_file())

    def checkpoints(self) -> dict[str, int]:
        """Returns, for each job with a work folder, how many units of work its newest sealed checkpoint has done."""
        found: dict[str, int] = {}
        for seal in (self.folder / ".pipe").glob("work/*/checkpoints/after-*/seal.json"):
            key, done = seal.parts[-4], int(seal.parts[-2].removeprefix("after-"))
            found[key] = max(found.get(key, 0), done)
        return found

    def resumed(self, since: float) -> dict[str, int]:
        """Returns, for each job with an attempt since then, from how many units of work the attempt went on."""
        found = {}
        for events in (self.folder / ".pipe").glob("work/*/events.jsonl"):
            # An attempt that was killed at once leaves the file of the attempt before it.
            if events.stat().st_mtime < since:
                continue
            for line in events.read_text(errors="replace").splitlines():
                if '"resumed"' in line and line.endswith("}"):
                    found[events.parts[-2]] = json.loads(line)["done"]
        return found


def wrong(project: Project, message: str) -> None:
    print(f"WRONG in {project.folder}: {message}", flush=True)
    raise SystemExit(1)


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except (FileNotFoundError, ProcessLookupError):
        return []


def kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def undisturbed(arguments: argparse.Namespace, pipeline: str, targets: list[str]) -> tuple[dict[str, str], float]:
    project = Project(arguments.pipe, arguments.folder / "undisturbed", pipeline, targets)
    start = time.perf_counter()
    project.finish()
    return project.digests(), time.perf_counter() - start


def kills(arguments: argparse.Namespace) -> None:
    """Kills at random moments until each project is done: the coordinator alone, the whole group, a stage alone; at times the
    next run is killed at once, in its recovery."""
    chance = random.Random(arguments.seed)
    expected, seconds = undisturbed(arguments, PIPELINE, ["all"])
    count: Counter[str] = Counter()
    number = 0
    while sum(count.values()) < arguments.number:
        number += 1
        project = Project(arguments.pipe, arguments.folder / f"killed-{number}", PIPELINE, ["all"])
        before: dict[str, int] = {}
        while True:
            since = time.time()
            run = project.start()
            victim = chance.choice(["coordinator", "group", "stage"])
            recovery = chance.random() < 0.25
            time.sleep(chance.random() * (0.03 if recovery else seconds * 0.5))
            hit = False
            if run.poll() is None:
                stages = children(run.pid)
                if victim == "stage" and stages:
                    hit = kill(chance.choice(stages))
                elif victim == "coordinator":
                    hit = kill(run.pid)
                elif victim == "group":
                    hit = kill(run.pid)
                    for stage in stages:
                        kill(stage)
            _, error = run.communicate()
            code = run.returncode
            for key, done in project.resumed(since).items():
                if done < before.get(key, 0):
                    wrong(project, f"went on from {done} although {before[key]} was sealed")
            before = project.checkpoints()
            if hit:
                count[victim + (", in recovery" if recovery else "")] += 1
            if not hit and code == 0:
                break
            if code >= 0 and code not in ALLOWED or b"panicked" in error or b"internal error" in error:
                wrong(project, f"ended with code {code}: {error.decode()}")
        project.check(expected)
        verified = project.run("verify")
        if verified.returncode != 0:
            wrong(project, f"verify: {verified.stdout}{verified.stderr}")
        shutil.rmtree(project.folder)
        print(f"{sum(count.values())} kills, {number} projects done: {dict(sorted(count.items()))}", flush=True)


# The system calls that change the file system. Reads are not disturbed: `damage` tests what they find.
CHANGING = "openat,write,fsync,fdatasync,rename,renameat,renameat2,linkat,link,unlink,unlinkat,mkdir,mkdirat,rmdir,fchmod,chmod,ftruncate"


def traced(project: Project, injection: str) -> subprocess.CompletedProcess[str]:
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={CHANGING}", "-e", f"inject={CHANGING}:{injection}"]
    return project.run(command=[*command, *project.command()])


def each_call(arguments: argparse.Namespace, injection: str, what: str) -> None:
    """Disturbs the k-th changing system call of whichever thread first comes so far, for k = 1, 2, … until none does."""
    if shutil.which("strace") is None:
        raise SystemExit("error: strace is needed")
    expected, _ = undisturbed(arguments, SHORT, ["stage:corpus"])
    k, quiet, codes = 0, 0, Counter()
    while quiet < 3:
        k += 1
        project = Project(arguments.pipe, arguments.folder / f"{what}-{k}", SHORT, ["stage:corpus"])
        ended = traced(project, injection.format(k=k))
        code = ended.returncode
        quiet = quiet + 1 if code == 0 else 0
        codes[code] += 1
        if code == 127 and "shared libraries" in ended.stderr:
            # The call was the loader's, before the program began.
            shutil.rmtree(project.folder)
            continue
        if what == "errors" and code not in ALLOWED or "panicked" in ended.stderr or "internal error" in ended.stderr:
            wrong(project, f"call {k}: code {code}\n{ended.stderr}")
        # A call of the recovery is disturbed too.
        again = traced(project, injection.format(k=max(1, k // 2)))
        if what == "errors" and again.returncode not in ALLOWED | {127}:
            wrong(project, f"call {k // 2} of the recovery: code {again.returncode}\n{again.stderr}")
        project.finish()
        project.check(expected)
        verified = project.run("verify")
        if verified.returncode != 0:
            wrong(project, f"call {k}: verify: {verified.stdout}{verified.stderr}")
        shutil.rmtree(project.folder)
        print(f"{what}: call {k}, code {code}, then {again.returncode}", flush=True)
    print(f"{what}: {k} calls, codes {dict(codes)}")


def calls(arguments: argparse.Namespace) -> None:
    """A kill at each system call that changes the file system, and at one of the recovery's."""
    each_call(arguments, "signal=SIGKILL:when={k}", "calls")


def errors(arguments: argparse.Namespace) -> None:
    """No space, an input/output error, too many open files, at each system call that changes the file system. Writes to the
    terminal fail as well, so that the exit code alone has to say what happened."""
    for error in ("ENOSPC", "EIO", "EMFILE"):
        # All calls from the k-th on fail, since a full disk stays full.
        each_call(arguments, f"error={error}:when={{k}}+", "errors")
        shutil.rmtree(arguments.folder / "undisturbed")


def harm(path: Path, how: str, other: Path, chance: random.Random) -> None:
    stamps = path.stat()
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    if how == "flip" and content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "zero":
        path.write_bytes(bytes(len(content)))
    elif how == "swap":
        path.write_bytes(other.read_bytes())
    elif how == "delete":
        path.unlink()
        return
    path.chmod(stamps.st_mode)
    # An old time stamp makes the damage look like the disk's own.
    if chance.random() < 0.5:
        os.utime(path, ns=(stamps.st_atime_ns, stamps.st_mtime_ns))


def damage(arguments: argparse.Namespace) -> None:
    """Flips, cuts, zeroes, swaps or deletes a file of the store: verify must find it, and a run must recover from it."""
    chance = random.Random(arguments.seed)
    expected, seconds = undisturbed(arguments, PIPELINE, ["all"])
    whole = arguments.folder / "undisturbed"
    # A run that is stopped half way leaves checkpoints.
    stopped = Project(arguments.pipe, arguments.folder / "stopped", PIPELINE, ["all"])
    while not any(len(list(work.glob("checkpoints/after-*"))) > 1 for work in (stopped.folder / ".pipe").glob("work/*")):
        run = stopped.start()
        time.sleep(chance.random() * seconds)
        if run.poll() is not None:
            # The run was done before it was killed, so the next one starts from the beginning.
            run.communicate()
            shutil.rmtree(stopped.folder / ".pipe")
            continue
        for child in children(run.pid):
            kill(child)
        kill(run.pid)
        run.communicate()
    count: Counter[str] = Counter()
    for number in range(arguments.number):
        kind = chance.choice(["objects/*/*", "artifacts/*.json", "records/*.json", "work/*/checkpoints/after-*/*", "caches/*"])
        source = stopped.folder if kind.startswith("work") else whole
        how = chance.choice(["flip", "cut", "zero", "swap", "delete"])
        folder = arguments.folder / f"damaged-{number}"
        for way in ("verify", "run"):
            shutil.copytree(source, folder, symlinks=True)
            project = Project(arguments.pipe, folder, PIPELINE, ["all"])
            state = chance.getstate()
            files = [path for path in project.store(kind) if path.stat().st_size > 0]
            path, other = chance.choice(files), chance.choice(files)
            same = how == "swap" and path.read_bytes() == other.read_bytes()
            before = path.read_bytes()
            harm(path, how, other, chance)
            if way == "verify":
                chance.setstate(state)
                found = project.run("verify")
                changed = not path.exists() or path.read_bytes() != before
                sealed = "checkpoints" not in kind or path.exists() or path.name != "seal.json"
                if changed and not same and sealed and kind != "caches/*" and found.returncode == 0:
                    wrong(project, f"verify did not find: {how} of {path}\n{found.stdout}")
            else:
                # Some results must be made again, so that the other results are read by stages.
                for record in project.store("records/*.json"):
                    if chance.random() < 0.5 and record != path:
                        record.unlink()
                project.finish()
                project.finish()
                project.check(expected)
                if project.run("verify").returncode not in (0, 12):
                    wrong(project, "verify failed")
            shutil.rmtree(folder)
        count[f"{how} of {kind.split('/')[0] if 'checkpoints' not in kind else 'checkpoints'}"] += 1
        print(f"{number + 1}: {how} of {kind}", flush=True)
    print(dict(sorted(count.items())))


def crowd(arguments: argparse.Namespace) -> None:
    """Sixteen runs at once on one store, some of them killed: every job is made once, or once more for each kill."""
    chance = random.Random(arguments.seed)
    expected, seconds = undisturbed(arguments, PIPELINE, ["all"])
    for number in range(arguments.number):
        project = Project(arguments.pipe, arguments.folder / f"crowd-{number}", PIPELINE, ["all"])
        runs = [project.start() for _ in range(16)]
        killed = 0
        for _ in range(number % 8):
            time.sleep(chance.random() * seconds / 2)
            killed += kill(chance.choice(runs).pid)
        ended = [run.communicate()[1].decode() for run in runs]
        codes = Counter(run.returncode for run in runs)
        for run, error in zip(runs, ended):
            if run.returncode not in (0, -9):
                wrong(project, f"a run ended with {run.returncode}:\n{error}")
        project.finish()
        project.check(expected)
        made: Counter[str] = Counter()
        for journal in project.store("runs/*.jsonl"):
            for line in journal.read_text().splitlines():
                event = json.loads(line) if line.endswith("}") else {}
                if event.get("event") == "finished" and event["made"]:
                    made[event["job"]] += 1
        twice = {job: times for job, times in made.items() if times > 1}
        if len(twice) > killed:
            wrong(project, f"made more than once: {twice}, with {killed} kills")
        shutil.rmtree(project.folder)
        print(f"{number + 1}: 16 runs, {killed} kills, codes {dict(codes)}, made twice: {twice or 'nothing'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = {way.__name__: way for way in (kills, calls, errors, damage, crowd)}
    parser.add_argument("way", choices=ways)
    parser.add_argument("--number", type=int, default=20, help="of kills, of damages, of crowds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pipe", default=str(ROOT / "target/release/pipe"))
    parser.add_argument("--folder", type=Path, help="a folder to work in (a temporary one, removed if all is well)")
    arguments = parser.parse_args()
    arguments.pipe = str(Path(arguments.pipe).resolve())
    temporary = arguments.folder is None
    arguments.folder = Path(tempfile.mkdtemp(prefix="endurance-")) if temporary else arguments.folder
    start = time.perf_counter()
    ways[arguments.way](arguments)
    print(f"{arguments.way}: all held, in {time.perf_counter() - start:.0f} s")
    if temporary:
        shutil.rmtree(arguments.folder)


if __name__ == "__main__":
    main()
