#!/usr/bin/env python3
"""coverage.py BUILD [--missing ROOM]   What the tests of the preset coverage have reached, room by room: lines, and branches
as clang counts them (each condition has two, true and false). Exits 1 where a room has less than 90 % of either.
With --missing, the lines and branches of a room that nothing reached.

The profiles are of every process that ran, whether it left by exit, _exit or a signal: clang's continuous mode keeps
the counters in the file itself. It is opened before main(), so no confinement of fob's had to be loosened for it."""
import argparse
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ["daemon/core", "ipc/wire", "daemon/broker", "daemon/exchanger", "daemon/store"]
PROGRAMS = ["unit_tests", "component_tests", "fob", "fobd", "fob-exchange", "fob-gateway", "fob-witness"]
LEAST = 90.0


def measured(build):
    profiles = sorted((build / "profiles").glob("*.profraw"))
    merged = build / "merged.profdata"
    subprocess.run(["llvm-profdata-19", "merge", "--failure-mode=warn", "-o", merged, *profiles], check=True)
    first, *others = [build / "bin" / program for program in PROGRAMS]
    export = ["llvm-cov-19", "export", "-skip-functions", f"-instr-profile={merged}", first]
    for other in others:
        export += ["-object", other]
    # Asked of the rooms alone; of the rest of the tree nothing is said here.
    done = subprocess.run([*export, *(ROOT / room for room in ROOMS)], check=True, capture_output=True)
    return json.loads(done.stdout)["data"][0]["files"]


def of(room, files):
    return [file for file in files if Path(file["filename"]).parent == ROOT / room]


def missing(file):
    """Line by line what was not reached."""
    found, sides = {}, {}
    for line, _, count, counted, begins, gap in file["segments"]:
        if counted and begins and not gap and count == 0:
            found[line] = "not reached"
    for line, column, _, _, true, false, *_ in file["branches"]:
        sides.setdefault((line, column), Counter()).update({"true": true, "false": false})
    for (line, _), counts in sides.items():
        for side in ("true", "false"):
            if counts[side] == 0:
                found[line] = ", ".join(filter(None, [found.get(line), f"never {side}"]))
    text = Path(file["filename"]).read_text().splitlines()
    return [f"{line:5} {text[line - 1].strip()[:100]:100}  {what}" for line, what in sorted(found.items())]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--missing", metavar="ROOM")
    asked = parser.parse_args()
    files = measured(asked.build.resolve())
    if asked.missing:
        for file in of(asked.missing, files):
            print(Path(file["filename"]).relative_to(ROOT), *missing(file), sep="\n")
        return 0
    short = False
    print(f"{'':20}{'lines':>8}{'reached':>9}{'branches':>12}{'reached':>9}")
    for room in ROOMS:
        row = f"{room:20}"
        for kind, width in (("lines", 8), ("branches", 12)):
            count, covered = (sum(file["summary"][kind][part] for file in of(room, files)) for part in ("count", "covered"))
            percent = 100 * covered / count if count else 0.0
            short |= percent < LEAST
            row += f"{count:{width}}{percent:8.1f}%"
        print(row)
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
