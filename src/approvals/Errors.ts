/** What is said of protections and change requests. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  ApprovalRequired: {
    code: "HRLD-3090",
    title: "That needs a second person",
    cause: "What it changes is protected, and no approved change request is of exactly this.",
    fix: 'Ask for it: type the same command behind `herald change request`, or with --request. In an emergency an admin breaks the glass: --break-glass "why".',
    grpc: 9,
    http: 409,
    exit: 5
  },
  ChangeWaits: {
    code: "HRLD-3091",
    title: "It waits as a change request",
    cause: "It was asked for as a change request, so it was written down and not done.",
    fix: "Somebody else looks at it and approves it: `herald change show <id>`, `herald change approve <id>`; then `herald change apply <id>`.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  OwnChange: {
    code: "HRLD-3092",
    title: "Nobody approves their own",
    cause:
      "The same principal asked for it, or somebody can act as both: whoever made an API key saw its token, and so counts as one person with whose it is, and with whom else they made keys for.",
    fix: "Let somebody look at it whose API key another admin made, or let another admin rotate one of both keys (`herald key rotate`). Where it is the first admin who made both, revoke that one's own keys once others manage keys (`herald key revoke`). Who signs in by an issuer or a certificate is a person by themselves.",
    grpc: 7,
    http: 403,
    exit: 6
  },
  ChangeDiffers: {
    code: "HRLD-3093",
    title: "That is not what was seen",
    cause: "The digest is not that of the request, or what would be done is not what it asks for.",
    fix: "Look at it again: `herald change show <id>`; it says the digest.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  ChangeVoid: {
    code: "HRLD-3094",
    title: "The change request is void",
    cause: "What it would change was changed since it was asked for, so what was approved is not what would be done.",
    fix: "Ask for it anew, on what is there now.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  ChangeOver: {
    code: "HRLD-3095",
    title: "The change request is no longer open",
    cause: "It was applied, rejected, withdrawn, reviewed, or is expired.",
    fix: "See what became of it: `herald change show <id>`; ask for it anew if it is still wanted.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  ChangesFull: {
    code: "HRLD-3096",
    title: "Too much waits for a second person",
    cause:
      "An environment may have 500 open change requests with 64 MiB together, 500 open reviews of broken glass and 100 protections, a principal 100 requests, a request 20 approvals.",
    fix: "Apply, reject or withdraw what nobody needs (`herald change list`, `herald change withdraw <id>`); close reviews (`herald change reviews`).",
    grpc: 8,
    http: 409,
    exit: 5
  },
  CannotWait: {
    code: "HRLD-3099",
    title: "That can't wait for a second person",
    cause:
      "A change request was asked for (--request, the header herald-request) of what is no change of keys with a history, so nothing was done.",
    fix: "Ask for it without. What can wait: whatever changes keys, flags, segments, rollouts, experiments, scheduled changes and protections.",
    grpc: 3,
    http: 400,
    exit: 2
  }
} satisfies ErrorRows
