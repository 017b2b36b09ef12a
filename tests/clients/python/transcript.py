"""The transcript that each client of tests/clients writes: one JSON array in a line of standard output.

Bytes are written as {"bytes": HEX}. The runner compares the transcript with the expected one.
"""
import json
import os

# How long a client waits for what must come.
LIMIT_S = 30 * float(os.environ.get("CHAT_TEST_LIMIT_S", "60")) / 60
import os

# How long to wait for what must come, as in all tests.
LIMIT_S = int(os.environ.get("CHAT_TEST_LIMIT_S", 60))


def shown(value):
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value).hex()}
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {name: shown(item) for name, item in value.items()}
    return value


def write(*words):
    print(json.dumps(shown(words)), flush=True)
