#!/usr/bin/env python3
"""g++ 12 miscompiles some coroutines (docs/traps.md, 1 and 2). These shapes are kept out of the tree:

- a braced temporary or a lambda inside a co_await operand: name the object first, then move it in;
- a co_await inside a condition: await into a named value first;
- a coroutine parameter by reference that may outlive its caller: parameters by value, but for objects that own the
  coroutine's whole run (those are listed here, each with its reason).
"""
import re
import sys
from pathlib import Path

ALLOWED_REFERENCES = {
    # A local of the coroutine that awaits it directly.
    ("daemon/broker/http_server.cpp", "Parser& parser"),
    # A table that lives as long as the interface.
    ("daemon/broker/routing.cpp", "const std::vector<Route>& routes"),
    ("daemon/broker/routing.hpp", "const std::vector<Route>& routes"),
}
SIGNATURE = re.compile(r"awaitable<[^;{}]*?>\s+(?:\w+::)*\w+\(([^;{}]*?)\)\s*(?:const\s*)?[;{]", re.S)


def operand_of(text, start):
    """The rest of the statement after a co_await."""
    depth = 0
    for i in range(start, len(text)):
        if text[i] in "([{":
            depth += 1
        elif text[i] in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and text[i] == ";"):
            return text[start:i]
    return text[start:]


def faults(name, text):
    def line(at):
        return text.count("\n", 0, at) + 1

    for found in re.finditer(r"\bco_await\b", text):
        operand = operand_of(text, found.end())
        if "{" in operand or re.search(r"\[[&=\w, ]*\]\s*\(", operand):
            yield f"{name}:{line(found.start())}: a braced temporary or lambda inside a co_await operand; name it first"
        before = text[max(text.rfind(";", 0, found.start()), text.rfind("{", 0, found.start()),
                          text.rfind("}", 0, found.start())) + 1:found.start()]
        if re.search(r"\b(if|while|for|switch)\s*\(", before) and before.count("(") > before.count(")"):
            yield f"{name}:{line(found.start())}: a co_await inside a condition; await into a named value first"
    for found in SIGNATURE.finditer(text):
        for parameter in re.findall(r"[^,]*&\s*\w+", found[1]):
            parameter = " ".join(parameter.split())
            if (name, parameter) not in ALLOWED_REFERENCES:
                yield f"{name}:{line(found.start())}: coroutine parameter '{parameter}' by reference; take it by value"


def main():
    root = Path(sys.argv[1])
    found = []
    for file in sorted([*root.glob("ipc/**/*.[ch]pp"), *root.glob("daemon/**/*.[ch]pp"), *root.glob("tests/**/*.[ch]pp")]):
        text = re.sub(r"//[^\n]*", "", file.read_text())
        found += faults(file.relative_to(root).as_posix(), text)
    print("\n".join(found) or "no coroutine has a shape that g++ 12 miscompiles")
    sys.exit(1 if found else 0)


main()
