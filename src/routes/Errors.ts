/** What is said of routing rules. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  InvalidKeyTemplate: {
    code: "HRLD-1095",
    title: "The template of a key can't be used",
    cause: "It has a field that is not closed, not a name, or not of the topic's schema, or it is too long.",
    fix: "Correct what the message names, with its column. A template is text with fields in braces, as in `{exchange}:{symbol}`.",
    grpc: 3,
    http: 422,
    exit: 3
  },
  NoSuchRoutingRule: {
    code: "HRLD-2090",
    title: "There is no such routing rule",
    cause: "Nobody added a rule of this name, or it was deleted.",
    fix: "See which there are: `herald route list`; add it: `herald route add <name> --from <topic> --to <topic>`.",
    grpc: 5,
    http: 404,
    exit: 4
  },
  RoutingRuleExists: {
    code: "HRLD-2091",
    title: "There is a routing rule of that name",
    cause: "A name is one rule's at a time.",
    fix: "Use the rule that is there, choose another name, or delete it first.",
    grpc: 6,
    http: 409,
    exit: 5
  },
  RoutingRuleConflict: {
    code: "HRLD-2092",
    title: "The routing rules were changed by somebody else",
    cause:
      "The change was meant for a version of the rule that is not its newest, or others were made at the same time.",
    fix: "Read the rule (`herald route show <name>`), and decide again.",
    grpc: 10,
    http: 409,
    exit: 5
  },
  RoutingLoop: {
    code: "HRLD-2093",
    title: "The rule would lead events in a circle",
    cause:
      "With the rules that there are, what it routes would come back to a topic that it routes from. Conditions and rules that are off don't change that.",
    fix: "Route to a topic that no rule of the circle routes from, such as one that is outside of the pattern, or change the rule that the message names.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  RoutingRulesFull: {
    code: "HRLD-2094",
    title: "There are too many routing rules",
    cause:
      "One Herald has at most 1,000 rules, and 100,000 positions: one for each partition of each topic that a rule routes.",
    fix: "Delete rules that nobody needs, or route from fewer topics by one rule.",
    grpc: 8,
    http: 409,
    exit: 5
  }
} satisfies ErrorRows
