"""The shape of a robot's client, plain REST below one api_base: it asks for a token once, puts it into each call, and never asks again.

robot_client.py API_BASE COUNT   At least COUNT rounds, and until standard input ends.
At its end one line of JSON: {"calls":{…},"successes","failures":[{"status","text"}]}.
"""
import base64
import json
import sys
import threading
import time
import urllib.error
import urllib.request

BOUNDARY = "robot-frame"
IMAGE = b"\xff\xd8" + bytes(100_000) + b"\xff\xd9"  # a JPEG's first and last bytes; nobody looks at what is between


def multipart(fields, image):
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="queryImage"; filename="frame.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    return b"".join([*parts, head.encode(), image, f"\r\n--{BOUNDARY}--\r\n".encode()])


class Client:
    def __init__(self, api_base, client_id, client_secret):
        self.api_base = api_base
        self.pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self.token = None
        self.calls = {"authorize": 0, "query": 0, "map": 0}

    def send(self, kind, path, body=None, **headers):
        self.calls[kind] += 1
        request = urllib.request.Request(self.api_base + path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def authorize(self):
        answer = self.send("authorize", "/v1/m2m/token", b"{}", Authorization="Basic " + self.pair, Content_Type="application/json")
        self.token = answer["token"]

    def localize(self, map_code):
        body = multipart({"fx": 900, "fy": 900, "px": 480, "py": 270, "width": 960, "height": 540, "isRightHanded": "true",
                          "mapCode": map_code}, IMAGE)
        pose = self.send("query", "/v1/vps/map/query-form", body, Authorization="Bearer " + self.token,
                         Content_Type=f"multipart/form-data; boundary={BOUNDARY}")
        assert pose["poseFound"]

    def map_details(self, map_code):
        assert self.send("map", f"/v1/vps/map/{map_code}", Authorization="Bearer " + self.token)["code"] == map_code


def main():
    api_base, count = sys.argv[1], int(sys.argv[2])
    client = Client(api_base, "fob", "fob")
    waiting = threading.Thread(target=sys.stdin.read, daemon=True)
    waiting.start()
    successes, failures, rounds = 0, [], 0
    client.authorize()
    while rounds < count or waiting.is_alive():
        for act in (client.localize, client.map_details):
            try:
                act("hall-1")
                successes += 1
            except urllib.error.HTTPError as error:
                failures.append({"status": error.code, "text": error.read().decode()})
            except (OSError, AssertionError, KeyError, ValueError) as error:
                failures.append({"status": 0, "text": repr(error)})
        rounds += 1
        time.sleep(0.05)  # a robot localizes some times a second
    print(json.dumps({"calls": client.calls, "successes": successes, "failures": failures}))


main()
