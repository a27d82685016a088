/**
 * Compresses long answers for callers who can read that.
 *
 *   PZ1  Text of 1 KiB and more is compressed as `Accept-Encoding` allows, and its entity tag says so: one tag, one sequence of bytes.
 *   PZ2  The work is none of the event loop's, and bounded: beyond that an answer goes as it is. What is streamed, as events are, goes as it is.
 */
import { Context, Effect } from "effect"
import { HttpBody, HttpServerRequest, HttpServerResponse } from "effect/http"

export type Coding = "br" | "gzip"

/** Port: compresses. Undefined when too much is being compressed already, or it failed; so it never fails. */
export const Packer = Context.Reference<(bytes: Uint8Array, coding: Coding) => Effect.Effect<Uint8Array | undefined>>(
  "herald/edge/http/Packer",
  { defaultValue: () => () => Effect.undefined }
)

/** Bytes of the shortest answer that is compressed. */
const LONG = 1_024
const TEXT = /^(?:application\/(?:[\w.+-]+\+)?json|application\/openmetrics-text|text\/(?!event-stream))/

/** The coding that an `Accept-Encoding` allows (RFC 9110 §12.5.3): br before gzip. */
export const codingFor = (accept: string | undefined): Coding | undefined => {
  if (accept === undefined) return undefined
  const said = new Map<string, number>()
  for (const one of accept.toLowerCase().split(",")) {
    const [name = "", ...parameters] = one.split(";").map((part) => part.trim())
    const q = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2)
    said.set(name, q === undefined ? 1 : Number(q))
  }
  return (["br", "gzip"] as const).find((coding) => (said.get(coding) ?? said.get("*") ?? 0) > 0)
}

const isLong = ({ body, headers }: HttpServerResponse.HttpServerResponse): boolean =>
  body._tag === "Uint8Array" &&
  body.contentLength >= LONG &&
  TEXT.test(body.contentType ?? headers["content-type"] ?? "") &&
  headers["content-encoding"] === undefined

/** PZ1, PZ2 */
export const packed =
  (pack: Context.Service.Shape<typeof Packer>) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
    Effect.flatMap(
      app,
      Effect.fnUntraced(function* (answer) {
        const { body } = answer
        if (body._tag !== "Uint8Array" || !isLong(answer)) return answer
        const { headers, method } = yield* HttpServerRequest.HttpServerRequest
        const varied = HttpServerResponse.setHeader(answer, "vary", "accept-encoding")
        const coding = codingFor(headers["accept-encoding"])
        const bytes = coding === undefined || method === "HEAD" ? undefined : yield* pack(body.body, coding)
        if (coding === undefined || bytes === undefined) return varied
        const etag = answer.headers["etag"]
        return HttpServerResponse.setHeaders(
          HttpServerResponse.setBody(varied, HttpBody.uint8Array(bytes, body.contentType)),
          {
            "content-encoding": coding,
            ...(etag === undefined ? {} : { etag: etag.replace(/"$/, `-${coding}"`) })
          }
        )
      })
    )
