from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.evaluation_context import EvaluationContext

api.set_provider_and_wait(FlagdProvider())  # its settings are in the environment
flags = api.get_client()


def has_new_checkout(user: str, plan: str) -> bool:
    return flags.get_boolean_value("new-checkout", False, EvaluationContext(user, {"plan": plan}))
