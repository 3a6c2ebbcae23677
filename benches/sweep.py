"""A sweep of trivial jobs: how long pipe, ninja, make, doit, Snakemake and DVC take to find that nothing is to be done, to
plan, and to say why after one edit; and how many jobs a second they run.

The same graph for all: one file of tokens, P "pre-trainings" that copy it, and eight "fine-tunings" of each that copy a
score; 9 P + 1 jobs. pipe declares it as a table whose cells are gathered over seeds. Each tool's files are written in the
form that suits it best (Snakemake: rules with wildcards). The edit is one changed byte of the file of tokens, on which
everything rests.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lib import ROOT, fail, note
from machine import heading

TASKS = ["cola", "sst2", "mrpc", "stsb", "qqp", "mnli", "qnli", "rte"]
# Number of jobs → numbers of rates and of seeds, whose product is the number of pre-trainings P.
SHAPES = {1_000: (11, 10), 10_000: (37, 30), 100_000: (111, 100)}
# Number of trivial jobs of one of pipe's own stage kinds.
OWN_JOBS = 1_000
# Seconds after which a command is given up.
PATIENCE = 900.0


@dataclass(frozen=True)
class Tool:
    """One tool in a folder of its own."""

    name: str
    # Writes the tool's files for given numbers of rates and seeds.
    write: Callable[[Path, int, int], None]
    # The command that runs all jobs, so that a following run has nothing to do.
    build: Sequence[str]
    # Whether `build` runs every job, so that its time gives the jobs per second.
    runs_jobs: bool
    no_op: Sequence[str]
    plan: Sequence[str]
    why: Sequence[str]
    # The largest number of jobs for which the tool is tried.
    limit: int = 100_000


def pretrainings(rates: int, seeds: int) -> list[str]:
    return [f"m{rate}-s{seed}" for rate in range(rates) for seed in range(seeds)]


def inputs(folder: Path) -> None:
    (folder / "tokens.txt").write_text("0 tokens\n")
    (folder / "score.json").write_text('{"accuracy": 0.5}\n')


def write_pipe(folder: Path, rates: int, seeds: int) -> None:
    inputs(folder)
    rows = ",\n".join(f'    {{ label = "m{rate}", m = {rate} }}' for rate in range(rates))
    columns = ",\n".join(f'    {{ label = "{task}", task = "{task}" }}' for task in TASKS)
    (folder / "pipeline.toml").write_text(f"""[vars]
m = 0
seed = 0
task = "cola"

[stage.tokens]
use = "command"
argv = ["cp", "{{source}}", "{{output}}/tokens.txt"]
inputs = {{ source = "tokens.txt" }}

[stage.pretrain]
use = "command"
argv = ["cp", "{{tokens}}/tokens.txt", "{{output}}/m${{m}}-s${{seed}}.txt"]
inputs = {{ tokens = "@tokens" }}

[stage.finetune]
use = "command"
argv = ["cp", "{{score}}", "{{output}}/scores.json"]
inputs = {{ encoder = "@pretrain", score = "score.json" }}
env = {{ TASK = "${{task}}" }}
makes = "scores"

[table.sweep]
title = "A sweep"
cell = "@finetune"
over = {{ seed = [{", ".join(map(str, range(seeds)))}] }}
rows = [
{rows}
]
columns = [
{columns}
]
""")


def write_ninja(folder: Path, rates: int, seeds: int) -> None:
    inputs(folder)
    lines = ["rule copy", "  command = cp $from $out", "build tokens.out: copy tokens.txt", "  from = tokens.txt"]
    for name in pretrainings(rates, seeds):
        lines += [f"build {name}.out: copy tokens.out", "  from = tokens.out"]
        for task in TASKS:
            lines += [f"build {name}-{task}.out: copy {name}.out | score.json", "  from = score.json"]
    (folder / "build.ninja").write_text("\n".join(lines) + "\n")


def write_make(folder: Path, rates: int, seeds: int) -> None:
    inputs(folder)
    names = pretrainings(rates, seeds)
    lines = [".PHONY: all", "tokens.out: tokens.txt", "\tcp tokens.txt $@"]
    for name in names:
        lines += [f"{name}.out: tokens.out", "\tcp tokens.out $@"]
        for task in TASKS:
            lines += [f"all: {name}-{task}.out", f"{name}-{task}.out: {name}.out score.json", "\tcp score.json $@"]
    (folder / "Makefile").write_text("all:\n" + "\n".join(lines) + "\n")


def write_doit(folder: Path, rates: int, seeds: int) -> None:
    inputs(folder)
    (folder / "dodo.py").write_text(f"""
TASKS = {TASKS!r}
NAMES = [f"m{{rate}}-s{{seed}}" for rate in range({rates}) for seed in range({seeds})]

def copy(name, source, target, needs):
    return {{"basename": name, "actions": [["cp", source, target]], "file_dep": needs, "targets": [target]}}

def task_sweep():
    yield copy("tokens", "tokens.txt", "tokens.out", ["tokens.txt"])
    for name in NAMES:
        yield copy(name, "tokens.out", f"{{name}}.out", ["tokens.out"])
        for task in TASKS:
            yield copy(f"{{name}}-{{task}}", "score.json", f"{{name}}-{{task}}.out", [f"{{name}}.out", "score.json"])
""")


def write_snakemake(folder: Path, rates: int, seeds: int) -> None:
    inputs(folder)
    (folder / "Snakefile").write_text(f"""
rule all:
    input: expand("m{{m}}-s{{s}}-{{task}}.out", m=range({rates}), s=range({seeds}), task={TASKS!r})
rule tokens:
    input: "tokens.txt"
    output: "tokens.out"
    shell: "cp {{input}} {{output}}"
rule pretrain:
    input: "tokens.out"
    output: "m{{m}}-s{{s}}.out"
    wildcard_constraints: s=r"\\d+"
    shell: "cp {{input}} {{output}}"
rule finetune:
    input: "m{{m}}-s{{s}}.out", score="score.json"
    output: "m{{m}}-s{{s}}-{{task}}.out"
    wildcard_constraints: s=r"\\d+"
    shell: "cp {{input.score}} {{output}}"
""")


def write_dvc(folder: Path, rates: int, seeds: int) -> None:
    inputs(folder)
    for command in (["git", "init", "-q"], [tool("dvc"), "init", "-q"], [tool("dvc"), "config", "core.analytics", "false"]):
        subprocess.run(command, cwd=folder, check=True)
    lines = ["stages:"]

    def stage(name: str, source: str, target: str, needs: Sequence[str]) -> None:
        lines.extend([f"  {name}:", f"    cmd: cp {source} {target}", "    deps:"])
        lines.extend(f"    - {need}" for need in needs)
        lines.extend(["    outs:", f"    - {target}:", "        cache: false"])

    stage("tokens", "tokens.txt", "tokens.out", ["tokens.txt"])
    shutil.copy(folder / "tokens.txt", folder / "tokens.out")
    for name in pretrainings(rates, seeds):
        stage(name, "tokens.out", f"{name}.out", ["tokens.out"])
        shutil.copy(folder / "tokens.txt", folder / f"{name}.out")
        for task in TASKS:
            stage(f"{name}-{task}", "score.json", f"{name}-{task}.out", [f"{name}.out", "score.json"])
            shutil.copy(folder / "score.json", folder / f"{name}-{task}.out")
    (folder / "dvc.yaml").write_text("\n".join(lines) + "\n")


def tool(name: str) -> str:
    """Returns the path of a tool: of this Python environment, or of the system."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name


def tools(pipe: str, cores: int) -> list[Tool]:
    snakemake = [tool("snakemake"), "--cores", str(cores), "--quiet", "all"]
    return [
        Tool("ninja", write_ninja, [tool("ninja"), "--quiet"], True, [tool("ninja")], [tool("ninja"), "-n"],
             [tool("ninja"), "-n", "-d", "explain"]),
        Tool("pipe", write_pipe, [pipe, "run", "-q"], True, [pipe, "run", "-q"], [pipe, "plan", "-q"], [pipe, "why", "-q"]),
        Tool("make", write_make, ["make", "-s", f"-j{cores}"], True, ["make"], ["make", "-n"], ["make", "-n", "--debug=b"], 10_000),
        Tool("doit", write_doit, [tool("doit"), "-v0", "-n", str(cores)], True, [tool("doit")],
             [tool("doit"), "list", "--all", "--status"], [tool("doit"), "list", "--all", "--status"]),
        Tool("Snakemake", write_snakemake, snakemake, True, snakemake, [*snakemake, "-n"],
             [tool("snakemake"), "--cores", str(cores), "-n"], 10_000),
        Tool("DVC", write_dvc, [tool("dvc"), "commit", "-f", "-q"], False, [tool("dvc"), "repro", "-q"],
             [tool("dvc"), "repro", "--dry", "-q"], [tool("dvc"), "status"], 1_000),
    ]


@dataclass
class Timing:
    seconds: list[float]
    memory: float

    def text(self) -> str:
        times = sorted(self.seconds)
        one = f"{times[0]:.4f}" if times[0] < 1 else f"{times[0]:.2f}"
        return one if len(times) == 1 else f"{one} ({statistics.median(times):.4f})" if times[0] < 1 else one


def timed(command: Sequence[str], folder: Path) -> tuple[float, float]:
    """Runs a command and returns its seconds and the megabytes that it held at most."""
    start = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(command, cwd=folder, stdout=nowhere, stderr=subprocess.PIPE)
        _, error = process.communicate(timeout=PATIENCE)
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        fail(f"{' '.join(command)} in {folder} ended with {process.returncode}: {error.decode(errors='replace')[-600:]}")
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def measured(command: Sequence[str], folder: Path, repetitions: int) -> Timing | None:
    """Times a command in a process of its own, so that its memory is told apart from that of others."""
    seconds, memory = [], 0.0
    for _ in range(repetitions):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                os.write(writer, repr(timed(command, folder)).encode())
                os._exit(0)
            except subprocess.TimeoutExpired:
                os._exit(3)
            except BaseException as error:  # noqa: BLE001 - a forked child must not go on
                print(error, file=sys.stderr)
                os._exit(2)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            text = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 3:
            return None
        if code != 0:
            fail(f"{' '.join(command)} failed in {folder}")
        took, held = eval(text)  # noqa: S307 - written two lines above
        seconds.append(took)
        memory = max(memory, held)
        if took > 20:
            break
    return Timing(seconds, memory)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--jobs", default="1000,10000,100000", help="sizes, by commas")
    parser.add_argument("--tools", default="", help="of pipe, ninja, make, doit, Snakemake, DVC (all)")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder on a local disk")
    parser.add_argument("--pipe", type=Path, default=ROOT / "target/release/pipe")
    arguments = parser.parse_args()
    if not arguments.pipe.exists():
        fail(f"there is no {arguments.pipe}: cargo build --release")
    pipe = str(arguments.pipe.resolve())
    cores = os.cpu_count() or 1
    wanted = [name for name in arguments.tools.lower().split(",") if name]
    chosen = [t for t in tools(pipe, cores) if not wanted or t.name.lower() in wanted]
    heading("Sweeps of trivial jobs")
    for tool_ in chosen:
        note(f"{tool_.name}: {version(tool_)}")
        print(f"- {tool_.name}: {version(tool_)}")
    print("\n| jobs | tool | jobs a second | no-op, s | plan, s | after an edit: why, s | memory of the no-op, MB | no-op ÷ ninja |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for size in map(int, arguments.jobs.split(",")):
        rates, seeds = SHAPES.get(size) or fail(f"sizes are {', '.join(map(str, SHAPES))}")
        jobs = 9 * rates * seeds + 1
        ninja = None
        for tool_ in chosen:
            if size > tool_.limit:
                print(f"| {jobs} | {tool_.name} | {' | '.join(['not tried'] * 5)} | |", flush=True)
                continue
            folder = arguments.folder / f"{tool_.name}-{size}"
            name, cells, no_op = bench(tool_, folder, rates, seeds, jobs, arguments.repetitions)
            ninja = no_op if name == "ninja" else ninja
            ratio = f"{no_op / ninja:.2f}" if no_op and ninja else ""
            print(f"| {jobs} | {name} | {' | '.join(cells)} | {ratio} |", flush=True)
    if any(tool_.name == "pipe" for tool_ in chosen):
        rates = [own_kind(pipe, arguments.folder / f"own-kind-{number}") for number in range(3)]
        print(f"\npipe, {OWN_JOBS} jobs of a kind of its own, one process each: {min(rates):.0f} to {max(rates):.0f} a second")


def own_kind(pipe: str, folder: Path) -> float:
    """Returns how many trivial jobs a second pipe runs of a kind of its own, where the child process is all there is: corpora
    of one short text, each under another lowest length."""
    folder.mkdir(parents=True)
    (folder / "text.txt").write_text("A line of text for a corpus. " * (OWN_JOBS // 20) + "\n")
    (folder / "pipeline.toml").write_text("""[vars]
least = 1

[stage.corpus]
use = "corpus"
source = "text.txt"
min_characters = "${least}"
""")
    targets = [f"stage:corpus[least={least}]" for least in range(1, OWN_JOBS + 1)]
    seconds, _ = timed([pipe, "run", "-q", *targets], folder)
    return OWN_JOBS / seconds


def bench(tool_: Tool, folder: Path, rates: int, seeds: int, jobs: int, repetitions: int) -> tuple[str, list[str], float | None]:
    folder.mkdir(parents=True)
    tool_.write(folder, rates, seeds)
    note(f"{tool_.name}: {jobs} jobs")
    built = measured(tool_.build, folder, 1)
    if built is None:
        return tool_.name, [f"not built in {PATIENCE:.0f} s"] + ["" for _ in range(4)], None
    rate = f"{jobs / built.seconds[0]:.0f}" if tool_.runs_jobs else ""
    no_op = measured(tool_.no_op, folder, repetitions)
    plan = measured(tool_.plan, folder, repetitions)
    (folder / "tokens.txt").write_text("1 tokens\n")
    why = measured(tool_.why, folder, repetitions)
    cells = [rate, *(timing.text() if timing else f"> {PATIENCE:.0f}" for timing in (no_op, plan, why))]
    cells.append(f"{no_op.memory:.0f}" if no_op else "")
    return tool_.name, cells, min(no_op.seconds) if no_op else None


def version(tool_: Tool) -> str:
    program = tool_.build[0]
    if shutil.which(program) is None:
        fail(f"{tool_.name}: there is no {program}; see benches/README.md")
    answer = subprocess.run([program, "--version"], capture_output=True, text=True)
    return (answer.stdout.splitlines() or ["?"])[0]


if __name__ == "__main__":
    main()
