"""Whether the programs of the benchmarks still run: the echo and its client against each other, for a moment. Judges no time."""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

BIN = Path(os.environ["FOB_BIN"])
SHORT = {"rounds": 2, "repeats": 5, "connections": 8, "milliseconds": 20}
CORE = min(os.sched_getaffinity(0))


def run(program, **spec):
    done = subprocess.run([BIN / program, json.dumps({"core": CORE, **SHORT, **spec})], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def main():
    with tempfile.TemporaryDirectory() as directory:
        socket = Path(directory) / "echo.sock"
        request = "GET / HTTP/1.1\r\n\r\n"
        server = {"name": "echo", "socket": str(socket), "request": request, "answer_begins": request}
        with subprocess.Popen([BIN / "bench_echo", socket]) as echo:
            try:
                while not socket.exists():
                    assert echo.poll() is None, "the echo has ended"
                for mode in ("kept", "fresh", "many"):
                    figures = run("bench_load", mode=mode, servers=[server])["echo"]
                    assert len(figures) == SHORT["rounds"] and min(figures) > 0, (mode, figures)
            finally:
                echo.terminate()
    command = {"name": "echo", "words": ["echo", "well"], "output_has": "well"}
    assert min(run("bench_processes", commands=[command])["echo"]) > 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
