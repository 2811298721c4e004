"""libfob's calls while the token page is in use: their times beside a bare echo's round trip, and their system calls."""
import shutil
import statistics

from figures import Figure, Goal, missing
from stage import CLIENT_CORE, SERVER_CORE, program

CALLS = 1000  # as in page.cpp
GETS = 1_000_000
GET = "`fob_get`"
GET_MEANING = "A call of libfob with the token page in use, which lies in shared memory. The echo is that of the HTTP figures."
OTHERS = {"fob_get_token": "`fob_get_token` and `fob_token_free`", "fob_change": "`fob_change`"}
FIRST = "`fob_open`, the first `fob_get`, `fob_close`"
FIRST_MEANING = "What the first token takes an app: a connection, a request for the page, and its mapping."
STEADY = "system calls in a million `fob_get`"
STEADY_MEANING = "As strace(1) counts them once the page is mapped; the clock is read without one (vDSO)."


def beside_echo(what, meaning, times, echo, goal=None, ways=None):
    shares = [one / other for one, other in zip(times, echo, strict=True)]
    return Figure(what, meaning, {"fob": statistics.median(times), "echo": statistics.median(echo)}, measured=statistics.median(shares),
                  goal=goal, ways=ways or {})


def system_calls(stage, socket, gets):
    """How many a program makes while it gets a token so many times."""
    log = stage.directory / "strace.log"
    program("bench_page", {"mode": "steady", "core": CLIENT_CORE, "socket": socket, "gets": gets}, around=["strace", "-f", "-o", str(log)])
    names = [line.split()[1] for line in log.read_text().splitlines()]
    first, last = (at for at, name in enumerate(names) if name.startswith("getppid("))
    return last - first - 1


def measure(stage, quick):
    fob = stage.started()
    socket = str(fob.runtime / "fob.sock")
    rounds = program("bench_page", {"mode": "times", "core": SERVER_CORE, "socket": socket, "echo": stage.echo(),
                                    "rounds": 20 if quick else 100, "repeats": 30})
    one = {name: [value / CALLS for value in rounds[name]] for name in ("fob_get", *OTHERS)}
    echo = rounds["echo"]
    get = statistics.median(one["fob_get"])
    yield Figure(GET, GET_MEANING, {"fob": get}, "ns", get, "ns", Goal(100), ways={"fob": "fob_get of libfob, by the token page"})
    yield beside_echo(GET + ", beside the echo", GET_MEANING, one["fob_get"], echo, Goal(1 / 200))
    for name, what in OTHERS.items():
        yield beside_echo(what, GET_MEANING, one[name], echo)
    yield beside_echo(FIRST, FIRST_MEANING, rounds["fob_open"], echo)
    if shutil.which("strace") is None:
        yield missing(STEADY, STEADY_MEANING, "strace is not installed", Goal(0))
        return
    made = system_calls(stage, socket, GETS)
    yield Figure(STEADY, STEADY_MEANING, {"fob": made}, "", made, "", Goal(0))
