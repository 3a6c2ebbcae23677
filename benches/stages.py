"""Says where the time of a run of pipe went: core seconds by stage, as a markdown table.

    pipe log last --json | python3 benches/stages.py
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict


def main() -> None:
    events = json.load(sys.stdin)["runs"][0]["events"]
    counts: defaultdict[str, int] = defaultdict(int)
    seconds: defaultdict[str, float] = defaultdict(float)
    threads = 1
    for event in events:
        if event["event"] == "started":
            threads = max(threads, event["threads"])
        if event["event"] == "finished" and "core_seconds" in event:
            stage = re.split(r"[\[#(]", event["job"], maxsplit=1)[0]
            counts[stage] += 1
            seconds[stage] += event["core_seconds"]
    wall = next(event["seconds"] for event in events if event["event"] == "ended")
    total = sum(seconds.values())
    print("| stage | jobs | core seconds | share |\n| --- | ---: | ---: | ---: |")
    for stage in sorted(seconds, key=seconds.__getitem__, reverse=True):
        print(f"| {stage} | {counts[stage]} | {seconds[stage]:.1f} | {100 * seconds[stage] / total:.1f} % |")
    busy = 100 * total / (wall * threads)
    print(f"\n{wall:.0f} s in all, {total:.0f} core seconds: {threads} cores busy for {busy:.0f} % of the time.")


if __name__ == "__main__":
    main()
