"""What a soak has seen: figures that are counted, spans of time in which something was amiss, and complaints. All of it from many threads."""
import hashlib
import re
import threading
import time
from collections import Counter, defaultdict, deque
from contextlib import contextmanager

# A token of the sandbox's, wherever it stands.
TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
# What goes wrong a thousand times is told in full a few times only.
MOST_OF_A_KIND = 10


def fingerprint(token):
    return hashlib.sha256(token.encode()).hexdigest()[:8]


class Record:
    """Figures and complaints."""

    def __init__(self):
        self.began = time.monotonic()
        self.counts = Counter()
        self.maxima = {}
        self.complaints = []
        self.kinds = Counter()
        self.tokens = set()
        self.secrets = []
        self.lock = threading.Lock()

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] += by

    def most(self, what, value):
        with self.lock:
            self.maxima[what] = max(value, self.maxima.get(what, value))

    def complain(self, kind, words):
        """`kind` is a sentence that no run may earn; `words` say what happened."""
        with self.lock:
            self.kinds[kind] += 1
            if self.kinds[kind] > MOST_OF_A_KIND:
                return
            told = f"{time.monotonic() - self.began:7.1f} s  {kind}: {self.without_secrets(words)}"
            self.complaints.append(told)
        print("COMPLAINT " + told, flush=True)

    def without_secrets(self, words):
        words = TOKEN.sub(lambda found: f"[token {fingerprint(found[0])}]", str(words))
        for secret in self.secrets:
            words = words.replace(secret, "[secret]")
        return words

    def leak_in(self, text):
        """Whether a token or a secret stands in it."""
        return bool(TOKEN.search(text)) or any(secret in text for secret in self.secrets)


class Span:
    """Without an end while it lasts."""

    def __init__(self):
        self.begin = time.time()
        self.end = None

    def overlap(self, begin, end):
        """For how many seconds of that time it lasted; None if it did not touch it."""
        shared = min(end, self.end or end) - max(begin, self.begin)
        return shared if shared >= 0 else None


class Spans:
    """When something was amiss, so that what happened meanwhile is judged by that."""
    # Nobody asks for what was longer ago.
    REMEMBERED = 20

    def __init__(self):
        self.spans = defaultdict(lambda: deque(maxlen=self.REMEMBERED))
        self.lock = threading.Lock()

    @contextmanager
    def during(self, what, lingers=0):
        """`lingers`: for so many seconds after it, it still has its consequences."""
        span = Span()
        with self.lock:
            self.spans[what].append(span)
        try:
            yield
        finally:
            span.end = time.time() + lingers

    def overlaps(self, what, begin, end):
        with self.lock:
            known = list(self.spans[what])
        return [shared for span in known if (shared := span.overlap(begin, end)) is not None]

    def overlap(self, what, begin, end):
        """For how many seconds of that time it lasted."""
        return sum(self.overlaps(what, begin, end))

    def any(self, what, begin, end):
        """Whether it touched that time."""
        return bool(self.overlaps(what, begin, end))

    def last_end(self, what):
        """When it was over for the last time; None while it lasts, 0 if it never was."""
        with self.lock:
            ends = [span.end for span in self.spans[what]]
        return None if None in ends else max(ends, default=0)


class Stalls:
    """How long this machine let the soak itself wait: what an app may be late by without anybody's fault but the machine's."""
    TICK_S = 0.05

    def __init__(self, over):
        self.over = over
        self.found = []
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        before = time.time()
        while not self.over.wait(self.TICK_S):
            now = time.time()
            if now - before > 4 * self.TICK_S:
                self.found.append((before, now))
            before = now

    def within(self, begin, end):
        """The seconds that it stood still in that time, or just around it."""
        seconds = 0
        for start, stop in reversed(self.found):
            if stop < begin - self.TICK_S:
                break
            if start <= end + self.TICK_S:
                seconds += stop - start
        return seconds

    def longest(self):
        return max((stop - start for start, stop in self.found), default=0)
