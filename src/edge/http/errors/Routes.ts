/** Answers what an error code means. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { byCode } from "../../../errors/Catalogue.ts"
import { failure } from "../../../errors/HeraldError.ts"
import { json } from "../Answer.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { ErrorsGroup } from "./Api.ts"

const routes = HttpApiBuilder.group(contract.add(ErrorsGroup), "errors", (handlers) =>
  handlers.handle("explain", ({ params }) => {
    const row = byCode(params.code)
    return answer(
      row === undefined
        ? Effect.fail(failure("NotFound", "there is no such error code; `herald explain HRLD` lists them"))
        : Effect.succeed(json(row, { headers: { "cache-control": "public, max-age=3600" } }))
    )
  })
)

export const errors = { groups: [ErrorsGroup], routes } as const satisfies Part
