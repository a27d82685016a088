/**
 * Names spans whose names are known only at their end.
 *
 *   TE8  An HTTP span is named by method and route, a database span by what its statement does: never by what differs from call to call.
 *
 * https://opentelemetry.io/docs/specs/semconv/http/http-spans/#name, https://opentelemetry.io/docs/specs/semconv/db/database-spans/#name
 */
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base"
import {
  ATTR_DB_QUERY_SUMMARY,
  ATTR_DB_QUERY_TEXT,
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_ROUTE
} from "@opentelemetry/semantic-conventions"

/** What a statement does and to what: `select revisions`, `select herald_commit`. Pure. */
export const summaryOf = (statement: string): string => {
  const words = statement.replaceAll(/--.*$/gm, "").toLowerCase()
  const verb = /\b(?:select|insert|update|delete|do|alter|create)\b/.exec(words)?.[0] ?? ""
  const called = /^\s*select (?!herald_millis)((?:herald|pg)_\w+)\(/.exec(words)
  const target = called ?? /\b(?:from|into|update)\s+([a-z]\w*)/.exec(words)
  return `${verb} ${verb === "do" ? "" : (target?.[1] ?? "")}`.trim()
}

const renamed = (span: ReadableSpan, name: string, more: Readonly<Record<string, string>>): ReadableSpan =>
  Object.create(span, {
    name: { value: name },
    attributes: { value: { ...span.attributes, ...more } }
  }) as ReadableSpan

const withName = (span: ReadableSpan): ReadableSpan => {
  const { attributes } = span
  const [method, statement] = [attributes[ATTR_HTTP_REQUEST_METHOD], attributes[ATTR_DB_QUERY_TEXT]]
  if (typeof method === "string") return renamed(span, `${method} ${attributes[ATTR_HTTP_ROUTE] ?? ""}`.trimEnd(), {})
  if (typeof statement !== "string") return span
  const summary = summaryOf(statement)
  return summary === "" ? span : renamed(span, summary, { [ATTR_DB_QUERY_SUMMARY]: summary })
}

/** TE8 */
export const named = (next: SpanProcessor): SpanProcessor => ({
  onStart: (span, context) => next.onStart(span, context),
  onEnd: (span) => next.onEnd(withName(span)),
  forceFlush: () => next.forceFlush(),
  shutdown: () => next.shutdown()
})
