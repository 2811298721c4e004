#!/usr/bin/env python3
"""mutate.py [FILE…]   Breaks the decisions of daemon/core one small step at a time, and asks core's unit tests each time
whether they notice. A mutant that none of them kills is a test that is missing, or it is equivalent: nobody outside can
see a difference. Those stand in equivalents.toml with the reason, and one that is listed there and does not survive is
an error too. Exits 0 where nothing else survives.

All mutants are compiled into one program (a mutant schema): each changed piece of code stands beside the original, and
a number in the environment says which counts. Where the language wants a constant, a mutant is compiled by itself.
Tests that walk at random run in their short form (FOB_SANITIZED), so what only their luck would find is not found."""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "daemon/core"
FILES = ["policy.cpp", "policy.hpp", "peer_facts.hpp", "refresh.cpp", "refresh.hpp", "token.hpp", "refresh_draw.cpp",
         "refresh_draw.hpp", "backoff.cpp", "backoff.hpp", "change_pacing.hpp", "failure_policy.cpp", "slot_choice.cpp",
         "slot_choice.hpp", "refusal_alarm.hpp"]
# What walks at random comes last, since the others are faster.
TESTS = ["policy_test.cpp", "backoff_test.cpp", "change_pacing_test.cpp", "failure_policy_test.cpp", "refresh_test.cpp",
         "refresh_bounds_test.cpp", "refusal_alarm_test.cpp", "slot_choice_test.cpp", "refresh_property_test.cpp"]
CLANG = ["clang++-19", "-std=c++20", "-O0", "-w", "-DFOB_SANITIZED", "-fpch-instantiate-templates", "-ferror-limit=0"]
LIBRARIES = ["-fuse-ld=gold", "-lgmock", "-lgtest", "-lgtest_main", "-lpthread"]
SWITCH = """#include <cstdlib>
inline bool fob_mutant(int number) {
  static const char* const chosen = std::getenv("FOB_MUTANT");
  static const int wanted = chosen == nullptr ? -1 : std::atoi(chosen);
  return number == wanted;
}
"""
TIMEOUT = 60  # seconds; the tests take one

SWAPS = [(" < ", [" <= ", " >= "]), (" <= ", [" < ", " > "]), (" > ", [" >= ", " <= "]), (" >= ", [" > ", " < "]),
         (" == ", [" != "]), (" != ", [" == "]), (" && ", [" || "]), (" || ", [" && "]), (" + ", [" - "]),
         (" - ", [" + "]), (" * ", [" / "]), (" / ", [" * "]), (" += ", [" -= ", " = "]), ("++", ["--"]),
         ("std::min", ["std::max"]), ("std::max", ["std::min"]), ("true", ["false"]), ("false", ["true"]),
         ("any_of", ["all_of"]), ("all_of", ["any_of"])]
NUMBER = re.compile(r"(?<![\w.'<])(\d[\d']*(?:\.\d+)?)(?![\w.'])")
VALUE = re.compile(r"true|false|\d[\d.']*|(?!std)\w+::\w+")
STATEMENT = re.compile(r"(?:(?<=[;{}])|(?<=[^:]:\n)|(?<=\)\n)|(?<=\) )|(?<=else ))\s*((?!return|using|const|constexpr|"
                       r"namespace|enum|struct|class|case|static|template|public|private|default)"
                       r"(?:\+\+|break\b|[\w:>.*()\[\]-]+(?:\(| \+?= |(?=;)))[^;{}]*;)")
LAMBDA = re.compile(r"\](?:\([^()]*\))?(?: mutable)?(?: -> [\w:<>]+)?$")
BLOCK = re.compile(r"^$|^(?:struct|class|namespace|enum)\b|\)(?: const| mutable| noexcept)*$|\b(?:else|do|try)$|:$|-> [\w:<>]+$")


# --- which mutants there are

def without_comments(text):
    """The same length, with comments and strings blank, so that places found in it are places in the source."""
    return re.sub(r'//[^\n]*|"(?:\\.|[^"\\\n])*"|^#[^\n]*', lambda found: " " * len(found[0]), text, flags=re.M)


def enumerators():
    found = {}
    for file in sorted(CORE.glob("*.[ch]pp")):
        for name, body in re.findall(r"enum class (\w+)[^{;]*\{([^}]*)\}", without_comments(file.read_text())):
            found[name] = re.findall(r"\w+", body)
    return found


def closing(code, at):
    depth = 0
    for i in range(at, len(code)):
        depth += (code[i] in "([{") - (code[i] in ")]}")
        if depth == 0:
            return i
    raise ValueError("unbalanced")


def condition_before(code, at):
    """Where the condition of a `?` begins."""
    depth = 0
    for i in range(at - 1, -1, -1):
        depth += (code[i] in ")]}") - (code[i] in "([{")
        stops = code[i] in ";,?" or code[i - 1:i + 2] == " = " or code[i - 5:i + 1] == "return" or code[i - 1:i + 2] == " : "
        if depth < 0 or (depth == 0 and stops):
            return i + 1
    return 0


def is_one_comparison(text):
    """Its negation is a mutant already, by another operator."""
    return not re.search(r"&&|\|\|", text) and re.search(r"^!| [<>=!]=? ", text.strip()) is not None


def changes(text):
    """(from, to, replacement) of every mutant of a source."""
    code = without_comments(text)
    for old, news in SWAPS:
        word = re.escape(old) if not old[0].isalpha() else rf"\b{old}\b"
        for found in re.finditer(word, code):
            if '"' not in (text[found.start() - 1], text[found.end()]):
                yield from ((*found.span(), new) for new in news)
    for found in re.finditer(r"\b(?:if|while) (\()", code):
        inner = found.start(1) + 1, closing(code, found.start(1))
        if not is_one_comparison(text[slice(*inner)]) and ";" not in code[slice(*inner)]:
            yield (*inner, f"!({text[slice(*inner)]})")
    for found in re.finditer(r" \? ", code):
        start = condition_before(code, found.start())
        condition = text[start:found.start()].strip()
        if not is_one_comparison(condition):
            yield start, found.start(), f" !({condition})"
    for found in re.finditer(r"(?<![\w)\]])!(?=[\w(])", code):
        yield *found.span(), ""
    for found in NUMBER.finditer(code):
        value = found[1].replace("'", "")
        number = float(value) if "." in value else int(value)
        for other in dict.fromkeys([number + 1, number - 1 if number >= 1 else number + 1, number * 2]):
            if other != number:
                yield *found.span(1), repr(other)
    for found in re.finditer(r"\breturn ([^;]+);", code):
        value = text[slice(*found.span(1))]
        if value.count("{") != value.count("}"):
            continue  # a lambda's return ends in its midst
        if value not in ("nullptr", "std::nullopt", "false"):
            yield (*found.span(1), "{}")
        if value not in ("true", "false") and not re.search(r'^\{|"', value) and not is_one_comparison(value):
            yield (*found.span(1), f"!({value})")
    for found in STATEMENT.finditer(code):
        if found[1].count("(") == found[1].count(")") and not re.search("= (default|delete);", found[1]):
            yield (*found.span(1), ";")
    for name, members in enumerators().items():
        for found in re.finditer(rf"(?<!case )\b{name}::(\w+)", code):
            for other in members if found[1] in members else []:
                if other != found[1]:
                    yield *found.span(), f"{name}::{other}"


def line_at(text, start, end):
    return " ".join(text[text.rfind("\n", 0, start) + 1:text.index("\n", max(start, end - 1))].split())


class Mutant:
    number = None

    def __init__(self, file, text, start, end, new):
        self.file, self.start, self.end, self.new = file, start, end, new
        self.text = text[:start] + new + text[end:]
        self.line = text.count("\n", 0, start) + 1
        self.was, self.now = line_at(text, start, end), line_at(self.text, start, start + len(new))

    def key(self):
        return self.file, self.was, self.now

    def __str__(self):
        return f"{self.file}:{self.line}\n  - {self.was}\n  + {self.now}"


def mutants_of(file):
    text = (CORE / file).read_text()
    found = (Mutant(file, text, *change) for change in sorted(changes(text)))
    return list({mutant.text: mutant for mutant in found if mutant.text != text}.values())


# --- how they come into one program

def head_of(code, brace):
    begin = max(code.rfind(c, 0, brace) for c in ";{}")
    return code[begin + 1:brace].strip()


def is_lambda(code, brace):
    return LAMBDA.search(code[max(0, brace - 200):brace].rstrip()) is not None


def statement_around(code, start):
    """Where the statement, or the part of a for's or if's head, begins that `start` stands in."""
    closers, i = [], start - 1
    opened = []
    while i >= 0:
        c = code[i]
        if c in ")]}":
            if c == "}" and not closers:
                brace = opening(code, i)
                if BLOCK.search(head_of(code, brace)) and not is_lambda(code, brace):
                    return i + 1, opened
            closers.append(c)
        elif c in "([{":
            if closers:
                closers.pop()
            elif c == "{" and (is_lambda(code, i) or BLOCK.search(head_of(code, i))):
                return i + 1, opened
            else:
                opened.append(i)
        elif c == ";" and not closers:
            return i + 1, opened
        i -= 1
    return 0, opened


def opening(code, at):
    depth = 0
    for i in range(at, -1, -1):
        depth += (code[i] in ")]}") - (code[i] in "([{")
        if depth == 0:
            return i
    raise ValueError("unbalanced")


def unit_of(code, mutant):
    """(kind, from, to) of the piece of code that can stand twice; None where there is none."""
    if VALUE.fullmatch(code[mutant.start:mutant.end]) and VALUE.fullmatch(mutant.new):
        line = code[code.rfind("\n", 0, mutant.start) + 1:mutant.start]
        in_template = code[mutant.end] == ">" or re.search(r"<[\w: ,&]*$", line)
        return None if in_template else ("token", mutant.start, mutant.end)
    begin, opened = statement_around(code, mutant.start)
    for paren in opened:
        if re.search(r"\b(?:if|while) $", code[:paren]):
            return "condition", paren + 1, closing(code, paren)
    end = begin
    while end < len(code) and code[end] != ";":
        end = closing(code, end) + 1 if code[end] in "([{" else end + 1
        if code[end - 1] in ")]}" and code[begin:end].count("(") < code[begin:end].count(")"):
            return None  # in the head of a for
    while True:  # what the statement hangs on
        found = re.compile(r"\s*(?:else\b|(?:case\b[^:]*(?:::[^:]*)*|default|public|private):(?!:)|(?:if|for|while) (\())").match(code, begin)
        if not found:
            break
        begin = closing(code, found.start(1)) + 1 if found[1] else found.end()
        if begin > mutant.start:
            return None
    begin += len(code[begin:end]) - len(code[begin:end].lstrip())
    statement = code[begin:end]
    if statement.startswith("return "):
        return "return", begin + len("return "), end
    declared = re.match(r"(?:[\w:<>,]+[&*]? )+[&*]?\w+ = ", statement)
    if declared and re.match(r"\w+ \+?= ", statement) is None:
        return "value", begin + declared.end(), end
    if re.match(r"[\w:>.*()\[\]+-]+(?:\(| \+?= |$)", statement):
        return "statement", begin, end + 1
    return None


def wrapped(kind, original, pristine, changed, capture):
    """The original beside its mutants, [(number, code)]."""
    marked = [(number, f"\n/*<{number}*/{code}/*>{number}*/\n") for number, code in changed]
    if kind == "token":
        return "(" + "".join(f"fob_mutant({n}) ? {code} : " for n, code in marked) + original + ")"
    if kind == "condition":
        return "".join(f"fob_mutant({n}) ? bool({code}) : " for n, code in marked) + f"bool({original})"
    if kind == "statement":
        return "{" + "".join(f"if (fob_mutant({n})) {{ {code} }} else " for n, code in marked) + f"{{ {original} }} }}"
    returns = "".join(f"if (fob_mutant({n})) return {code}; " for n, code in marked)
    if kind == "return":
        return f"{{ {returns} return {original}; }}"
    return f"[{capture}]() -> std::decay_t<decltype({pristine})> {{ {returns} return {original}; }}()"


def schema(text, mutants):
    """The source with all of `mutants` in it that can be, in lines that tell which is where."""
    code = without_comments(text)
    units = defaultdict(list)
    for mutant in mutants:
        mutant.unit = unit_of(code, mutant)
        if mutant.unit and mutant.number is not None:
            units[mutant.unit].append(mutant)
    order = sorted(units, key=lambda unit: (unit[1], -unit[2], unit[0] == "token"))

    def written(begin, end, inner):
        out, at = "", begin
        while inner:
            kind, first, last = unit = inner[0]
            nested = [other for other in inner[1:] if other[1] < last]
            inner = [other for other in inner[1:] if other[1] >= last]
            changed = [(m.number, text[first:m.start] + m.new + text[m.end:last]) for m in units[unit]]
            before = text[at:first]
            if kind == "return":
                before = before[:before.rindex("return ")]
                last_of = last + 1  # its semicolon is inside
            else:
                last_of = last
            in_function = text[text.rfind("\n", 0, first) + 1] == " "
            out += before + wrapped(kind, written(first, last, nested), text[first:last], changed, "&" if in_function else "")
            at = last_of
        return out + text[at:end]

    done = written(0, len(text), order)
    done = re.sub(r"static constexpr(?= [\w:<>]+ \w+\W)", "inline static const", done)
    done = re.sub(r"constexpr (?=[\w:<>]+ \w+\()", "inline ", done)
    return re.sub(r"constexpr", "const", done)


class Bench:
    def __init__(self, place, mutants):
        self.place, self.mutants = Path(place), mutants
        self.tree = self.place / "all"
        sources = [*CORE.glob("*.cpp"), ROOT / "ipc/base/error.cpp", ROOT / "ipc/base/clock.cpp"]
        tests = [ROOT / "tests/unit" / test for test in TESTS]
        read = "\n".join(file.read_text() for file in [*CORE.glob("*.[ch]pp"), *tests])
        self.common = self.place / "common.hpp"
        self.common.write_text("\n".join(sorted(set(re.findall(r"#include <.*", read)))) + "\n" + SWITCH)
        subprocess.run([*CLANG, "-x", "c++-header", self.common, "-o", f"{self.common}.pch"], check=True)
        for number, mutant in enumerate(mutants):
            mutant.number = number
        self.write_tree()
        units = [*(self.tree / "daemon/core" / s.name if s.parent == CORE else s for s in sources), *tests]
        suspect = sorted({self.tree / "daemon/core" / mutant.file for mutant in mutants}, reverse=True)
        while suspect:
            wrong = {unit: errors for unit in suspect if (errors := self.errors_of(unit))}
            if wrong and not self.take_out(wrong.values()):
                sys.exit("\n".join(wrong.values()))
            suspect = list(wrong)
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            list(pool.map(self.compile_into_tree, units))
        self.objects = [self.tree / f"{unit.stem}.o" for unit in [*tests, *sources]]
        self.link(self.objects, self.place / "tests")
        if not self.passes(self.place / "tests", None):
            sys.exit("the tests fail without any mutant")

    def compile_command(self, tree, source, made, *more):
        return [*CLANG, *more, "-include-pch", f"{self.common}.pch", "-I", tree, "-I", ROOT, "-c", source, "-o", made]

    def compile_into_tree(self, unit):
        subprocess.run(self.compile_command(self.tree, unit, self.tree / f"{unit.stem}.o"), check=True)

    def errors_of(self, unit):
        done = subprocess.run(self.compile_command(self.tree, unit, "/dev/null", "-fsyntax-only", "-xc++"), capture_output=True, text=True)
        return done.stderr if done.returncode else ""

    def write_tree(self):
        for file in CORE.glob("*.[ch]pp"):
            to = self.tree / "daemon/core" / file.name
            to.parent.mkdir(parents=True, exist_ok=True)
            of_it = [m for m in self.mutants if m.file == file.name]
            to.write_text(schema(file.read_text(), of_it) if of_it else file.read_text())

    def take_out(self, failed):
        """Takes those mutants out that do not compile; whether there were any."""
        wrong = set()
        for kind in ("error", "note"):  # an error may stand in a library, and a note then says who asked for it
            for name, line in re.findall(rf"^(\S*/daemon/core/[\w.]+):(\d+):\d+: {kind}", "\n".join(failed), flags=re.M):
                wrong.add(self.number_at(Path(name), int(line)))
            if wrong - {None}:
                break
        for mutant in self.mutants:
            if mutant.number in wrong:
                mutant.number = None
                mutant.compiles = False
        self.write_tree()
        return bool(wrong - {None})

    @staticmethod
    def number_at(file, line):
        text = file.read_text()
        begin = sum(len(part) + 1 for part in text.split("\n")[:line - 1])
        found = None
        for mark in re.finditer(r"/\*<(\d+)\*/(.*?)/\*>\1\*/", text, flags=re.S):
            if mark.start() <= begin + len(text[begin:].split("\n", 1)[0]) and mark.end() >= begin:
                found = int(mark[1])
        return found

    def link(self, objects, program):
        subprocess.run([*CLANG, "-o", program, *objects, *LIBRARIES], check=True)

    def passes(self, program, number):
        environment = os.environ | ({} if number is None else {"FOB_MUTANT": str(number)})
        try:
            return subprocess.run([program, "--gtest_fail_fast"], capture_output=True, timeout=TIMEOUT,
                                  env=environment).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def verdict(self, mutant):
        if not getattr(mutant, "compiles", True):
            return "not compiling"
        if mutant.unit:
            return "survived" if self.passes(self.place / "tests", mutant.number) else "killed"
        return self.verdict_alone(mutant)

    def verdict_alone(self, mutant):
        with tempfile.TemporaryDirectory(dir=self.place) as own:
            changed = Path(own) / "daemon/core" / mutant.file
            changed.parent.mkdir(parents=True)
            changed.write_text(mutant.text)
            if mutant.file.endswith(".hpp"):
                return "needs a place of its own"
            made = Path(own) / "mutant.o"
            if subprocess.run(self.compile_command(self.tree, changed, made), capture_output=True).returncode:
                return "not compiling"
            unchanged = self.tree / f"{changed.stem}.o"
            self.link([made, *(o for o in self.objects if o != unchanged)], Path(own) / "tests")
            return "survived" if self.passes(Path(own) / "tests", None) else "killed"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", default=FILES)
    parser.add_argument("--list", action="store_true", help="show the mutants, try none")
    asked = parser.parse_args()
    known = tomllib.loads((Path(__file__).parent / "equivalents.toml").read_text()).get("equivalent", [])
    known = Counter((entry["file"], entry["was"], entry["now"]) for entry in known if entry["file"] in asked.files)
    mutants = [mutant for file in asked.files for mutant in mutants_of(file)]
    if asked.list:
        print(*mutants, len(mutants), sep="\n")
        return 0
    started = time.monotonic()
    counts = {file: Counter() for file in asked.files}
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        bench = Bench(place, mutants)
        print(f"built after {time.monotonic() - started:.0f} s", flush=True)
        for mutant, verdict in zip(mutants, pool.map(bench.verdict, mutants)):
            if verdict == "survived" and known[mutant.key()]:
                known[mutant.key()] -= 1
                verdict = "equivalent"
            elif verdict not in ("killed", "not compiling"):
                print(f"{verdict}: {mutant}", flush=True)
            counts[mutant.file][verdict] += 1
    stale = list(known.elements())
    for file, was, now in stale:
        print(f"listed as equivalent, but it is killed or no mutant: {file}\n  - {was}\n  + {now}")
    columns = ["mutants", "killed", "equivalent", "survived", "not compiling"]
    print(f"{'':22}" + "".join(f"{column:>15}" for column in columns))
    total = Counter()
    for file, count in [*counts.items(), ("all", total)]:
        count["mutants"] = sum(count[c] for c in columns[1:4])
        print(f"{file:22}" + "".join(f"{count[column]:15}" for column in columns))
        if file != "all":
            total.update({c: count[c] for c in columns[1:]})
    print(f"{time.monotonic() - started:.0f} s")
    return 1 if stale or total["survived"] else 0


if __name__ == "__main__":
    sys.exit(main())
