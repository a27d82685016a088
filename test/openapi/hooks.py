"""What the document allows is taken, or refused for what is not there (404), for what is current (409, 412), or for what a value, a schema
or a template says (422). A 400 is taken only where the document can't say the rule: each of them is named here."""

import re

import schemathesis

TAGS = re.compile(r'\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*')

UNSAYABLE = [
    # Places, times and sizes that are written as people do, and pages of topics
    "is no beginning: write earliest",
    "is no retention: write",
    "is not the next of a page",
    "query cursor: the cursor of an answer",
    "cursor: it is the name of a topic",
    "a date such as 2026-01-31T09:30:00Z",
    "since: from 1m to 7d, for which it is kept",
    "either ids or all is given",
    "has the partitions 0 to",  # of that topic
    "letters, digits and . _ -, beginning with",
    "parts around the values that it carries",
    "source: the name of a topic, or a name and /*",
    "producer epoch: as it was given when",
    "producer, epoch and sequence are given together",
    "none of them a control character",
    "letters, digits, dots, dashes and underscores, and begins with",

    "the request expects different versions at once",  # If-Match against expectedVersion
    "appears twice in the release",
    "the release has no change",  # changes and flags both empty
    "after is not the `next` of",
    "this is not a place that a page of the check gave",
    "this is no whole line that a key of these nodes signed",  # checkpoint
    "the audit log ends with entry",  # nothing is behind that
    "revision and epoch are",  # one position, and of a key
    "has more digits than JSON numbers keep",
    "the name __proto__ is not allowed",
    "afterKey goes through the keys of one instance",
    "expiresAt: it must lie in the future",
    "its grant is too long for a token",  # which has to fit into a header
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
    "must be a whole number from 0 to",  # an ETag in If-Match may be any
    "is not a key, a key and .* for all below it",  # patterns of keys
    "is no name: 1 to 64 printable characters",  # empty, where evaluations are told
]

# Rates of their own, which no setting raises: the only 429.
RATES = [
    "made too many different tokens in a minute",  # each is in the audit log
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
    if response.status_code == 429 and any(rate in detail for rate in RATES):
        return
    raise AssertionError(f"the document allows it, and the server answers {response.status_code}: {detail}")


@schemathesis.hook
def before_call(ctx, case, kwargs) -> None:
    """Who waits for events of a topic waits for all of that time, where nothing comes."""
    wait = (case.query or {}).get("wait")
    if isinstance(wait, (int, str)) and str(wait).isdigit() and int(wait) in range(100, 30_001):
        case.query["wait"] = 100
