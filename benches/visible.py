"""Times a training step whose encoder reads the visible tokens alone against one that reads [MASK] too; pipe alone."""

from __future__ import annotations

import os
import subprocess

import lib
from machine import heading


def main() -> None:
    options = lib.parser(__doc__, repetitions=9)
    options.add_argument("--sizes", default="mini,small")
    options.add_argument("--sequences", default="32")
    given = options.parse_args()
    program = lib.example(given.examples, "visible")
    if program is None:
        lib.fail("there is nothing to measure")
    heading("Visible tokens alone")
    print("Milliseconds of the layers of a training step, forward and backward, and of the whole step, ordinary and with the visible "
          "tokens alone (a decoder of one layer): medians over steps that take turns. `share` is (E · v + D) / E; the bar for the "
          "layers is 1.15 times that.\n")
    for threads in lib.numbers(given.threads):
        print(f"### {lib.count(threads)}\n")
        print("| size | masked | layers | visible | ratio | share | ratio / share | step | visible | ratio |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for size in given.sizes.split(","):
            command = [str(program), size, "1", given.sequences, "128", "2000", str(given.repetitions)]
            environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
            found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if found.returncode != 0:
                lib.fail(f"{size}: {found.stderr.strip()}")
            print(found.stdout, end="", flush=True)
        print()


if __name__ == "__main__":
    main()
