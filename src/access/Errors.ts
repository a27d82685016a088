/** Errors for callers who may not, or not so often. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  PrincipalExists: {
    code: "HRLD-2006",
    title: "A principal of that name exists",
    cause:
      "Who acts is known by the name of its API keys, and one with this name, or with one that differs only in case, has a good key.",
    fix: "Give another name; or, for a further key of the same principal, its exact name with `--add` (`add`), or `herald key rotate`.",
    grpc: 6,
    http: 409,
    exit: 5
  },
  Unauthenticated: {
    code: "HRLD-3001",
    title: "Who are you?",
    cause: "No token came with the request, or it is unknown, expired or revoked.",
    fix: "Send `Authorization: Bearer <token>`. The SDK takes the option `token`; the CLI takes --token, HERALD_TOKEN or its context's, and `.herald/admin-token` where no context is used and the server is on this machine. With no admin's token left: `herald key recover` on the server's host.",
    grpc: 16,
    http: 401,
    exit: 6
  },
  TicketUsed: {
    code: "HRLD-3111",
    title: "The ticket is used",
    cause: "A ticket opens one stream, once, and this one has.",
    fix: "Ask for another with `POST /v1/stream/ticket`, for each connection: give the SDK a function as `token`.",
    grpc: 16,
    http: 401,
    exit: 6
  },
  TicketOfOther: {
    code: "HRLD-3112",
    title: "This node can't take the ticket",
    cause: "Another node gave it, or what the nodes share does not answer.",
    fix: "Ask for another and try again. With several nodes set REDIS_URL, or send the request for the ticket and the stream to the same node.",
    grpc: 14,
    http: 503,
    exit: 7
  },
  Forbidden: {
    code: "HRLD-3002",
    title: "Not allowed",
    cause: "Your role, environments, keys, kinds or topics do not permit this; `rule` says which of them.",
    fix: "Ask an admin for a key that may do what the message names: with such a role, in that environment, for that key or that topic (`herald key create --role … --keys … --topic …`). `herald access can-i` asks without doing it, `herald access list --for` shows who may.",
    grpc: 7,
    http: 403,
    exit: 6
  },
  RateLimited: {
    code: "HRLD-3003",
    title: "Too many requests",
    cause:
      "This identity used up its rate; `limit` in the details says which one: of all its requests, of a door, of an environment.",
    fix: "Wait for the time in Retry-After; batch changes in one release. Whoever runs the server raises LIMIT_REQUESTS_PER_SECOND, or the rule of HERALD_LIMITS that `limit` names.",
    grpc: 8,
    http: 429,
    exit: 7
  },
  CredentialEnded: {
    code: "HRLD-3076",
    title: "What was shown has ended",
    cause: "This stream was opened with a token or a certificate for a time, which is over.",
    fix: "Come back with a new one: the SDK asks its `token` function again by itself; `herald key exchange` gives one of an API key.",
    grpc: 14,
    http: 401,
    exit: 6
  },
  IssuerUnavailable: {
    code: "HRLD-3077",
    title: "The issuer of tokens does not answer",
    cause:
      "The keys that check this token's signature are not known, and the issuer of HERALD_OIDC_ISSUER can't be asked for them.",
    fix: "Try again. If it stays: `curl $HERALD_OIDC_ISSUER/.well-known/openid-configuration` from the server's host; an issuer in a private network has to be in HERALD_OIDC_NEAR.",
    grpc: 14,
    http: 503,
    exit: 7
  },
  LoginUnavailable: {
    code: "HRLD-3079",
    title: "There is no login here",
    cause: "This server names no client of an issuer by which people could sign in.",
    fix: "Use an API key (HERALD_TOKEN, `herald context add … --token-stdin`). Whoever runs the server sets HERALD_OIDC_ISSUER, HERALD_OIDC_AUDIENCE and HERALD_OIDC_CLIENT: docs/access.md.",
    grpc: 5,
    http: 404,
    exit: 6
  },
  NoGrant: {
    code: "HRLD-3078",
    title: "You are known, but may nothing here",
    cause: "Your token is right, and no rule of HERALD_OIDC_ROLES fits what it claims of you.",
    fix: "Have your issuer put you into a group that a rule names, or ask whoever runs the server for a rule: docs/access.md.",
    grpc: 7,
    http: 403,
    exit: 6
  }
} satisfies ErrorRows
