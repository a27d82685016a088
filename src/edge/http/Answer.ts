/** A JSON answer. Nobody keeps it, unless its headers say otherwise. */
import { HttpServerResponse } from "effect/http"

const privately = { "cache-control": "no-store" }

export const json = (
  body: unknown,
  options?: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> }
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(JSON.stringify(body), {
    status: options?.status ?? 200,
    contentType: "application/json",
    headers: { ...privately, ...options?.headers }
  })
