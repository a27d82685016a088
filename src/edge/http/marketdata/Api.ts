/** The group `marketData`: what was traded last, and bars. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { Authentication, about } from "../Contract.ts"
import { Needs, need } from "../Needs.ts"
import { problems } from "../Wire.ts"
import * as Wire from "./Wire.ts"

const { get } = HttpApiEndpoint
const error = problems
const of = { params: { symbol: Wire.Symbol } }
const topic = Schema.optionalKey(Wire.Topic)
const asked = { topic, exchange: Schema.optionalKey(Wire.Exchange), session: Schema.optionalKey(Wire.SessionChoice) }

export class MarketDataGroup extends HttpApiGroup.make("marketData")
  .add(
    get("list", "/v1/market-data", {
      query: {
        topic,
        prefix: Schema.optionalKey(Wire.Prefix),
        limit: Schema.optionalKey(Wire.Limit),
        cursor: Schema.optionalKey(Wire.ListCursor)
      },
      success: Wire.List,
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 10))
      .annotateMerge(
        about(
          "Symbols",
          "Which there are on which exchanges, of the topics that the caller may read, by their names. `cursor` of an answer goes on behind it."
        )
      ),
    get("latest", "/v1/market-data/:symbol/latest", { ...of, query: asked, success: Wire.Latest, error })
      .annotate(Needs, need("topics.read", "somewhere", 2))
      .annotateMerge(
        about(
          "What was traded last",
          "The newest trade by the venue's time, and the newest quote there; how old it is, and whether that is too old."
        )
      ),
    get("history", "/v1/market-data/:symbol/history", {
      ...of,
      query: {
        ...asked,
        start_time: Schema.optionalKey(Wire.Time),
        end_time: Schema.optionalKey(Wire.Time),
        interval: Schema.optionalKey(Wire.Interval),
        limit: Schema.optionalKey(Wire.Limit),
        fill: Schema.optionalKey(Wire.Fill),
        cursor: Schema.optionalKey(Wire.Cursor)
      },
      success: Wire.History,
      error
    })
      .annotate(Needs, need("topics.read", "somewhere", 10))
      .annotateMerge(
        about(
          "Bars",
          "In the order of their time; without `start_time` and `end_time` as many intervals as `limit` up to the last trade. `cursor` of an answer goes on behind it. A bar that is not `final` may change, and one that is does so " +
            "where a trade came late: its `revision` grows."
        )
      )
  )
  .middleware(Authentication)
  .annotateMerge(OpenApi.annotations({ title: "Market data" })) {}
