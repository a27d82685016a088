/** Answers the routes of feeds, with server-sent events. */
import { Effect, Stream } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Feeds } from "../../../feeds/Feeds.ts"
import { Kinds } from "../../../propagation/Kinds.ts"
import { contract, type Part } from "../Contract.ts"
import type { As } from "../configuration/Wire.ts"
import { answer } from "../Problem.ts"
import { FeedsGroup } from "./Api.ts"
import { begun, makeTexts, positionOf } from "./Wire.ts"

const headers = {
  "cache-control": "no-store",
  // Or proxies such as nginx would hold events back.
  "x-accel-buffering": "no"
}
const options = { contentType: "text/event-stream", headers }

/** What an id that is none of ours stands for: a history that is not here, so that the feed begins with a `Reset`. */
const STRANGE = { epoch: "", revision: 0n }

const routes = HttpApiBuilder.group(
  contract.add(FeedsGroup),
  "feeds",
  Effect.fnUntraced(function* (handlers) {
    const feeds = yield* Feeds
    const { bytesOf } = makeTexts(yield* Kinds)
    const encoder = new TextEncoder()

    const follow = Effect.fnUntraced(function* (
      environment: string,
      patterns: ReadonlyArray<string>,
      as: As,
      id: string | undefined
    ) {
      const { method } = yield* HttpServerRequest.HttpServerRequest
      if (method === "HEAD")
        return HttpServerResponse.empty({ status: 200, headers: { ...headers, "content-type": options.contentType } })
      const position = id === undefined || id === "" ? undefined : positionOf(id)
      const told = yield* feeds.open({ environment, patterns, after: position === "none" ? STRANGE : position })
      const texts = Stream.map(told, (all) => bytesOf(all, as))
      return HttpServerResponse.stream(Stream.concat(Stream.succeed(encoder.encode(begun)), texts), options)
    })

    return handlers.handle("events", ({ query, headers: asked }) =>
      answer(follow(query.environment, query.pattern ?? [], query.as, asked["last-event-id"] ?? query.lastEventId))
    )
  })
)

export const feeds = { groups: [FeedsGroup], routes } as const satisfies Part
