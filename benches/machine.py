"""What figures depend on: the machine and the versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from lib import ROOT, note

PACKAGES = ["torch", "transformers", "tokenizers", "sentence-transformers", "accelerate", "pyarrow", "numpy"]


def machine() -> str:
    """Returns what the figures depend on: processor, cores, memory, versions, and how busy the machine is."""
    cpu = dict(re.findall(r"^([^:\n]+?)\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)) if _linux() else {}
    wanted = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    flags = [flag for flag in wanted if flag in cpu.get("flags", "").split()]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    model = f"{cpu.get('model name', platform.processor())} (family {cpu.get('cpu family', '?')}, model {cpu.get('model', '?')})"
    return "\n".join([
        f"- processor: {model}, {os.cpu_count()} cores, {' '.join(flags)}; {memory:.0f} GiB",
        f"- system: {platform.system()} {platform.release()}, load {os.getloadavg()[0]:.2f} when this began",
        f"- pipe: {_output('git', '-C', str(ROOT), 'describe', '--always', '--dirty')}, {_output('rustc', '--version')}",
        f"- Python {platform.python_version()}, {packages}",
    ])


def heading(title: str) -> None:
    if os.getloadavg()[0] > 0.5:
        note(f"warning: the machine is busy (load {os.getloadavg()[0]:.2f}): times will be off")
    print(f"## {title}\n\n{machine()}\n", flush=True)


def _linux() -> bool:
    return Path("/proc/cpuinfo").exists()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _output(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return f"no {command[0]}"
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or "unknown"
