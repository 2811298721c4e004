"""Runs the parts that ./bench names, prints each figure beside its baseline, and writes the documents if told to."""
import argparse
import importlib
import signal
import sys

from figures import missing
from report import TITLES, line_of, write_documents
from stage import NotMeasured, Stage


def arguments():
    parser = argparse.ArgumentParser(description="Called by ./bench.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("parts", nargs="+")
    return parser.parse_args()


def figures_of(part, quick):
    """What part_PART.py measures."""
    measure = importlib.import_module(f"part_{part}").measure
    with Stage() as stage:
        try:
            yield from measure(stage, quick)
        except NotMeasured as reason:
            yield missing("the rest of it", TITLES[part], reason)


def shown(part, quick):
    print(f"== {part}", flush=True)
    for figure in figures_of(part, quick):
        print("  " + line_of(figure), flush=True)
        yield figure


def main():
    chosen = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of the stage, which leaves nothing behind
    results = {part: list(shown(part, chosen.quick)) for part in chosen.parts}
    if chosen.write:
        write_documents(results)
        print("Written: docs/performance.md, docs/performance.svg")


if __name__ == "__main__":
    main()
