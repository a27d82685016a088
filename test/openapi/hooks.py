"""What the document allows is taken, or refused for what is not there (404), for what is current (409, 412), or for what a value, a schema
or a template says (422). A 400 is taken only where the document can't say the rule: each of them is named here."""

import re

import schemathesis

TAGS = re.compile(r'\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*')

UNSAYABLE = [
    "the request expects different versions at once",  # If-Match against expectedVersion
    "appears twice in the release",
    "the release has no change",  # changes and flags both empty
    "after is not the `next` of",
    "this is not a place that a page of the check gave",
    "this is no whole line that a node",  # checkpoint
    "revision and epoch are",  # one position, and of a key
    "has more digits than JSON numbers keep",
    "the name __proto__ is not allowed",
    "afterKey goes through the keys of one instance",
    "expiresAt: it must lie in the future",
    "is a name of Herald itself",
    "to archive a flag that is evaluated (force) say why",
    "has a character that can't be shown",  # directions and tags
    "flag and key can't both be given",
    "a scheduled change is of one environment",
    "a rollout gives a version to more and more instances",  # null takes something away
    "appears twice in the rollout",
    "the rollout has no change",
    "changes; at most 100 are allowed",  # of a rollout, keys and flags together
    "give what it is to be, or the version of before",  # neither, but where the plan raises a variant
    "there are no flags in",  # nothing can be reported there
    "has a control character in it",  # of a list of ids
    "is no UTF-8",
    "nothing is to be changed then",
    "is no name: 1 to 64 printable characters",  # empty, where evaluations are told
]


@schemathesis.check
def accepted(ctx, response, case) -> None:
    if case.meta is None or not case.meta.generation.mode.is_positive or case.method.upper() in ("PATCH", "TRACE"):
        return
    if response.status_code < 400 or response.status_code in (404, 409, 412, 422):
        return
    if not TAGS.fullmatch((case.headers or {}).get("if-none-match", "*")):
        return  # schemathesis makes this header by a rule of its own, which leaves the document's pattern out
    detail = response.json().get("detail", "") if response.content else ""
    if response.status_code == 400 and any(rule in detail for rule in UNSAYABLE):
        return
    raise AssertionError(f"the document allows it, and the server answers {response.status_code}: {detail}")
