"""What an application in Python makes of flags, as lines of JSON whenever that changes: see Flags.test.ts."""
import importlib
import json
import sys
import time

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent

app = importlib.import_module(sys.argv[1])


def say(fact, value):
    print(json.dumps({"fact": fact, "value": value}), flush=True)


def told(details):
    code = details.error_code
    return [details.value, details.variant, str(details.reason), None if code is None else code.value]


api.add_handler(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, lambda _: say("event", "changed"))
who = EvaluationContext("ann", {"plan": "pro"})
before = None
while True:
    flags = app.flags
    now = {
        "checkout": [app.has_new_checkout("ann", "pro"), app.has_new_checkout("ann", "free")],
        "text": told(flags.get_string_details("text", "own", who)),
        "whole": told(flags.get_integer_details("whole", 7, who)),
        "half": told(flags.get_float_details("half", 7.0, who)),
        "object": told(flags.get_object_details("object", {}, who)),
        "dark": told(flags.get_boolean_details("dark", True, who)),
        "open": told(flags.get_boolean_details("open", True, who)),
        "gone": told(flags.get_boolean_details("gone", True, who)),
        "wrong": told(flags.get_string_details("whole", "own", who)),
    }
    if now != before:
        before = now
        say("flags", now)
    time.sleep(0.1)
