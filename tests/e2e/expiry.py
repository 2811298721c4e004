"""When a token of the sandbox dies: what the token itself says, which is what the sandbox's API goes by."""
import base64
import json


def expiry_of(token):
    """Seconds since 1970 by the sandbox's clock, which is this machine's unless set otherwise; 0 for an opaque one."""
    parts = token.split(".")
    return json.loads(base64.urlsafe_b64decode(parts[1] + "=="))["exp"] if len(parts) == 3 else 0
