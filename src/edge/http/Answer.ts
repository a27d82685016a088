/**
 * Makes JSON answers. No cache keeps one, unless its headers say otherwise.
 *
 *   VJ1  A value comes as JSON where that is asked for, in its own digits and spaces, and as its text otherwise.
 */
import { HttpServerResponse } from "effect/http"

const privately = { "cache-control": "no-store" }

interface Options {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** Marks where a text is put in; nobody can guess it. */
const HOLE = crypto.randomUUID()

/** JSON with these texts, which are JSON, in place of its `hole`s: no digit and no space of them changes. */
export const jsonAround = (bodyOf: (hole: string) => unknown, texts: ReadonlyArray<string>, options?: Options) => {
  const parts = JSON.stringify(bodyOf(HOLE)).split(`"${HOLE}"`)
  return written(parts.map((part, at) => part + (texts[at] ?? "")).join(""), options)
}

export const json = (body: unknown, options?: Options): HttpServerResponse.HttpServerResponse =>
  written(JSON.stringify(body), options)

const written = (text: string, options?: Options): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(text, {
    status: options?.status ?? 200,
    contentType: "application/json",
    headers: { ...privately, ...options?.headers }
  })
