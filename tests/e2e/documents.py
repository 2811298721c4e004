"""The documents as a reader follows them: what they tell to run, and what they say that prints, in the order of the text.

A command is
- a line of a fenced `sh` block, or of an indented paragraph that begins with a program's name or as a shell's line does.
  A line that ends in a backslash goes on. `#` begins a comment, as in a shell;
- a code span that begins with a program's name and says more than that name. One with an ellipsis in it is not whole, and
  no command. Of a daemon's name, what follows must be an option: the rest are sentences about it.

A paragraph right below commands, in the same block or the next, is what they print. A paragraph with alternatives in
brackets is a synopsis. What else is indented is a picture, or data (DATA), or it is a mistake: of the document's or of the list.
"""
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "ipc/PROTOCOL.md", ROOT / "daemon/DESIGN.md", *sorted(ROOT.glob("docs/**/*.md")),
             *sorted(ROOT.glob("tests/**/README.md"))]
DAEMONS = {"fobd", "fob-authority", "fob-exchange", "fob-gateway", "fob-witness"}
PROGRAMS = DAEMONS | {
    "adduser", "ansible", "ansible-playbook", "apt", "cc", "cmake", "cpack", "ctest", "curl", "dpkg", "echo", "export", "fob", "install",
    "journalctl", "mkdir", "openssl", "printf", "promtool", "python3", "realpath", "rm", "shred", "start-stop-daemon", "sudo", "systemctl",
    "systemd-analyze", "systemd-sysusers", "systemd-tmpfiles", "timedatectl",
    # Defined by a document's own lines.
    "admin", "as_fob"}
# A file of this tree, an assignment, a function, a subshell.
AS_A_SHELL_DOES = re.compile(r"\./\w+$|\.ci/\w+$|(?:[\w-]+/)+bin/\w+$|[a-z_]+=|[a-z_]+\(\)$|\(umask$|#$")
BRACKETS = re.compile(r" \[(?:--|[A-Z])")
PICTURE = re.compile("[─▶◀→]")
# JSON, headings in brackets, HTTP, paths and names of placeholders; KEY: VALUE, KEY = VALUE, tables, lists, calls.
DATA = re.compile(r"""[{"[A-Z]|[\w-]+: |\w+ = |\w+ {2,}|\w+,\w|\w+\.\w+\(""")
OTHER_NAMES_OF_SH = {"shell", "bash", "console", "zsh", "fish", "text"}


@dataclass(frozen=True)
class Item:
    """`kind`: command, shown (what the commands above it print), synopsis, mistake, or the language of what is written down."""
    document: str
    line: int
    section: str
    kind: str
    text: str

    def __str__(self):
        return f"{self.document}:{self.line}: `{self.text}`"


def is_program(word):
    return word in PROGRAMS or bool(AS_A_SHELL_DOES.match(word))


def is_command(span):
    """Whether a code span is one."""
    words = span.split()
    if "…" in span or not is_program(words[0]):
        return False
    if words[0] in DAEMONS:
        return len(words) > 1 and words[1].startswith("-")
    return len(words) > 1 or words[0].startswith("./") and not words[0].endswith(".sh")


def without_comment(line):
    return re.sub(r"(^|\s+)# .*$", "", line)


def commands_of(paragraph):
    """(line within the paragraph, command), without comments."""
    start, pending = 0, []
    for number, line in enumerate(paragraph):
        if not pending:
            start = number
        pending.append(line.rstrip("\\").strip())
        if not line.endswith("\\"):
            command = without_comment(" ".join(pending))
            if command:
                yield start, command
            pending = []


class Reader:
    def __init__(self, path):
        self.document = path.relative_to(ROOT).as_posix()
        self.lines = path.read_text().splitlines()
        self.section = ""
        self.items = []
        self.after_commands = False
        self.in_data = False

    def add(self, number, kind, text):
        self.items.append(Item(self.document, number + 1, self.section, kind, text))

    def paragraph(self, number, lines, language):
        first = lines[0].split()[0]
        after_commands, self.after_commands = self.after_commands, False
        if any(map(PICTURE.search, lines)):
            return
        if language == "sh" or is_program(first):
            synopsis = language != "sh" and any(BRACKETS.search(without_comment(line)) for line in lines)
            if synopsis:
                self.add(number, "synopsis", "\n".join(map(without_comment, lines)))
            else:
                for offset, command in commands_of(lines):
                    self.add(number + offset, "command", command)
                self.after_commands = True
        elif after_commands or lines[0].startswith("fob: "):
            self.add(number, "shown", "\n".join(lines))
            self.after_commands = True
        else:
            if not self.in_data and not DATA.match(lines[0]):
                self.add(number, "mistake", f"{lines[0]}\nis neither a command nor data. If {first} is a program, it is missing in "
                                            "PROGRAMS in documents.py")
            self.in_data = True

    def block(self, number, lines, language=""):
        """Paragraph by paragraph."""
        self.in_data, begin = False, 0
        for end in [*(i for i, line in enumerate(lines) if not line.strip()), len(lines)]:
            if end > begin:
                self.paragraph(number + begin, lines[begin:end], language)
            begin = end + 1

    def spans(self, number, text):
        for found in re.finditer(r"``(.+?)``|`([^`]+)`", text, re.S):
            span = " ".join((found[1] or found[2]).split()).replace(r"\|", "|")
            if is_command(span):
                self.add(number + text[:found.start()].count("\n"), "command", span)

    def read(self):
        number = 0
        while number < len(self.lines):
            line = self.lines[number]
            end = number + 1
            if line.startswith("```"):
                language = line[3:]
                while self.lines[end] != "```":
                    end += 1
                body = self.lines[number + 1:end]
                end += 1
                if language in OTHER_NAMES_OF_SH:
                    self.add(number, "mistake", "commands stand in `sh` blocks, or are indented")
                if language in ("", "sh"):
                    self.block(number + 1, body, language)
                else:
                    kind = "shown" if self.after_commands and language == "json" else language
                    self.add(number, kind, "\n".join(body) + "\n")
            elif line.startswith("#"):
                self.section = line.lstrip("#").strip()
            elif line.startswith("    ") and not self.lines[number - 1].strip():
                while end < len(self.lines) and (self.lines[end].startswith("    ") or not self.lines[end].strip()):
                    end += 1
                self.block(number, [text[4:] for text in self.lines[number:end]])
            elif line.strip():
                # A paragraph or a table row by row: a span may go on in the next line.
                while end < len(self.lines) and self.lines[end].strip() and not re.match(r"```|#|\|", self.lines[end]):
                    end += 1
                self.after_commands = False
                self.spans(number, "\n".join(self.lines[number:end]))
            number = end
        return self.items


def read(document):
    """The items of a document, in the order of its text. `document`: its path from the root of the tree."""
    return Reader(ROOT / document).read()
