import os

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

key = {"Authorization": f"Bearer {os.environ['HERALD_TOKEN']}"}
api.set_provider_and_wait(OFREPProvider(os.environ["HERALD_HTTP"], headers_factory=lambda: key))
flags = api.get_client()


def has_new_checkout(user: str, plan: str) -> bool:
    return flags.get_boolean_value("new-checkout", False, EvaluationContext(user, {"plan": plan}))
