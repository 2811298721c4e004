"""What a token that is at hand costs over HTTP, beside a bare echo and nginx."""
from figures import Goal, compared, missing
from stage import CLIENT_CORE, SERVER_CORE, NotMeasured, as_server, program

KEPT = "round trip on a kept connection"
FRESH = "connect, one request, close"
SAME_CORE = ("Client and server on the same core. The echo is the least that a server can do: epoll, one read, one write of the request's "
             "bytes; nginx serves a static file of the same bytes as fob's answer.")
TWO_CORES = "One request under way on each connection; the server on one core, one client thread on another. Echo and nginx as above."
CROWD_GOALS = {1: None, 8: None, 64: Goal(0.75, at_least=True), 1000: Goal(0.70, at_least=True)}


def servers_of(stage):
    """fob, the echo, and nginx if it runs; and why it does not."""
    fob = stage.started()
    servers = [as_server("fob", fob.runtime / "fob.sock"), stage.echo()]
    try:
        servers.append(stage.nginx(fob.app.request("GET", "/v1/token")[2]))
    except NotMeasured as reason:
        return servers, reason
    return servers, None


def beside_both(what, meaning, rounds, goal, no_nginx, unit="ns", way=None):
    ways = {"fob": f"fob, {way}", "echo": f"bare echo, {way}"} if way else {}
    yield compared(what, meaning, rounds, "echo", goal, unit, ways=ways)
    beside_nginx = f"{what}, beside nginx"
    if no_nginx:
        yield missing(beside_nginx, meaning, no_nginx)
    else:
        yield compared(beside_nginx, meaning, rounds, "nginx", unit=unit, ways={"nginx": f"nginx, {way}"} if way else {})


def measure(stage, quick):
    servers, no_nginx = servers_of(stage)
    length = {"rounds": 40 if quick else 200, "repeats": 200}
    for mode, what, goal in (("kept", KEPT, Goal(1.15)), ("fresh", FRESH, Goal(1.3))):
        rounds = program("bench_load", {"mode": mode, "core": SERVER_CORE, "servers": servers, **length})
        yield from beside_both(what, SAME_CORE, rounds, goal, no_nginx, way=f"{mode} connection")
    for connections, goal in CROWD_GOALS.items():
        rounds = program("bench_load", {"mode": "many", "core": CLIENT_CORE, "servers": servers, "connections": connections,
                                        "rounds": 3 if quick else 9, "milliseconds": 200 if quick else 500})
        what = f"requests a second, {connections} connection{'s' if connections > 1 else ''}"
        yield from beside_both(what, TWO_CORES, rounds, goal, no_nginx, unit="/s")
