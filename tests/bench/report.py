"""The figures as lines for a terminal, and as docs/performance.md."""
import datetime
import os
import platform
from pathlib import Path

from chart import draw
from figures import amount

DOCS = Path(__file__).parent.parent.parent / "docs"
TITLES = {
    "http": "A token that is at hand, over HTTP",
    "page": "A token by libfob",
    "instructions": "Instructions",
    "memory": "Memory and wakeups",
    "agents": "Beside other agents",
    "process": "As a command",
    "exchange": "An exchange with the authority",
    "gateway": "Through the gateway",
}
OPENING = """# Performance

What fob costs, each figure beside a baseline that was measured in the same run, in turns with it. The times are the machine's;
the ratios are what to look at. `./bench` makes this page and its picture anew; nothing else does, and no test depends on a time.

![What a way to get a token takes, and how much of its goal each figure takes](performance.svg)
"""


def told(figure, of_fob):
    """The amounts of fob, or of those it is compared with. The first of the contenders is the one that is measured."""
    names = list(figure.values)
    chosen = names[:1] if of_fob else names[1:]
    return ", ".join(amount(figure.values[name], figure.unit) if of_fob else f"{name} {amount(figure.values[name], figure.unit)}"
                     for name in chosen)


def line_of(figure):
    """For a terminal."""
    if figure.measured is None:
        return f"{figure.what}: {figure.verdict()}"
    beside = told(figure, of_fob=False)
    ratio = f" = {figure.measured_text()}" if figure.measured_unit == "×" else ""
    goal = f" [{figure.goal_text()}: {figure.verdict()}]" if figure.goal else ""
    return f"{figure.what}: {told(figure, of_fob=True)}" + (f", {beside}" if beside else "") + ratio + goal


def row_of(figure):
    ratio = figure.measured_text() if figure.measured_unit == "×" else ""
    cells = (figure.what, told(figure, of_fob=True), told(figure, of_fob=False), ratio, figure.goal_text(), figure.verdict())
    return "| " + " | ".join(cells) + " |"


def section(title, figures):
    table = ["| | fob | baseline | ratio | goal | |", "|---|---|---|---|---|---|", *map(row_of, figures)]
    meanings = {}
    for figure in figures:
        if "nginx" not in figure.what:
            meanings.setdefault(figure.meaning, []).append(figure.what)
    listed = [f"- **{'; '.join(names)}**: {meaning}" for meaning, names in meanings.items()]
    return "\n".join([f"## {title}", "", *table, "", *listed, ""])


def machine():
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]} ({platform.machine()})"


def write_documents(results):
    """docs/performance.md and docs/performance.svg."""
    today = datetime.date.today().isoformat()
    made = f"Made on {today} by `./bench`, on {machine()}, optimised as it is shipped (preset `bench`, -O2).\n"
    sections = [section(TITLES[part], figures) for part, figures in results.items()]
    (DOCS / "performance.md").write_text("\n".join([OPENING, made, *sections]))
    (DOCS / "performance.svg").write_text(draw([figure for figures in results.values() for figure in figures]))
