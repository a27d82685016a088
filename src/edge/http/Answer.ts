/** Makes JSON answers. No cache keeps one, unless its headers say otherwise. */
import { HttpServerResponse } from "effect/http"

const privately = { "cache-control": "no-store" }

/** What every JSON answer says, unless it says otherwise. */
export const headersOfJson: Readonly<Record<string, string>> = { ...privately, "content-type": "application/json" }

interface Options {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

export const json = (body: unknown, options?: Options): HttpServerResponse.HttpServerResponse =>
  jsonText(JSON.stringify(body), options)

/** `bytes` are JSON in UTF-8 already. */
export const jsonBytes = (bytes: Uint8Array, options?: Options): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.uint8Array(bytes, {
    status: options?.status ?? 200,
    contentType: "application/json",
    headers: { ...privately, ...options?.headers }
  })

/** `text` is JSON already. */
export const jsonText = (text: string, options?: Options): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(text, {
    status: options?.status ?? 200,
    contentType: "application/json",
    headers: { ...privately, ...options?.headers }
  })
