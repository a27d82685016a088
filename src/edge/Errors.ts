/** What a door answers before anything else hears of a request. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  OriginNotListed: {
    code: "HRLD-3110",
    title: "A page of this origin may open no WebSocket",
    cause: "The browser says that the page comes from an origin that this server does not list.",
    fix: "Name the page's origin, as its address bar has it without the path, in HERALD_ORIGINS of the server.",
    grpc: 7,
    http: 403,
    exit: 6
  },
  MethodNotAllowed: {
    code: "HRLD-1011",
    title: "This path has no such method",
    cause: "The path is known, but not with this method.",
    fix: "Use one of the methods that the answer's Allow header names.",
    grpc: 12,
    http: 405,
    exit: 2
  },
  NoSuchRoute: {
    code: "HRLD-1013",
    title: "No such path",
    cause: "No route of the REST door has this path.",
    fix: "See which there are: /docs in a browser, /openapi.json for programs.",
    grpc: 12,
    http: 404,
    exit: 4
  },
  UnsupportedMediaType: {
    code: "HRLD-1012",
    title: "The body is not sent as JSON",
    cause: "Bodies are JSON in UTF-8, not compressed.",
    fix: "Send `content-type: application/json` and no content-encoding.",
    grpc: 3,
    http: 415,
    exit: 2
  }
} satisfies ErrorRows
