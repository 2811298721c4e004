"""A tiny OpenID provider for oidc-agent: a discovery document, and a token endpoint that takes any refresh token and gives an access token
that lives for a day. In clear, on loopback."""
import http.server
import json
import sys

ACCESS_TOKEN = "x" * 400  # about as long as the vendor's


class Provider(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Nobody reads it."""

    def answer(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.answer({"issuer": issuer, "token_endpoint": issuer + "/token", "authorization_endpoint": issuer + "/authorize",
                     "scopes_supported": ["openid", "offline_access"], "response_types_supported": ["code"],
                     "grant_types_supported": ["authorization_code", "refresh_token"]})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 86400, "refresh_token": "r" * 40,
                     "scope": "openid offline_access"})


if __name__ == "__main__":
    server = http.server.HTTPServer(("127.0.0.1", 0), Provider)
    print(server.server_port, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
