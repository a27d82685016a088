/** Knows what the REST contract lets a route answer, for what stands in for a server. */
import { Result, Schema } from "effect"
import { HttpApi, HttpApiSchema } from "effect/http-api"
import { apiOf } from "../../src/edge/http/Contract.ts"
import { http } from "../../src/node/Node.ts"

interface Route {
  readonly method: string
  readonly path: RegExp
  readonly answers: ReadonlyMap<number, ReadonlyArray<Schema.Top>>
}

const routes: Array<Route> = []
HttpApi.reflect(apiOf(http), {
  onGroup: () => {},
  onEndpoint: ({ endpoint, successes, errors }) => {
    const path = new RegExp(`^${endpoint.path.replace(/:[a-zA-Z]+\*?/g, "[^/]+")}$`)
    routes.push({ method: endpoint.method, path, answers: new Map([...successes, ...errors]) })
  }
})

const reads = (schema: Schema.Top, body: unknown): string | undefined => {
  const its = HttpApiSchema.isWithHeaders(schema) ? schema.schema : schema
  const codec = Schema.toCodecJson(its) as unknown as Schema.Codec<unknown, unknown>
  const found = Schema.decodeUnknownResult(codec, { onExcessProperty: "error" })(body)
  return Result.isFailure(found) ? String(found.failure) : undefined
}

const routeOf = (line: string): Route | undefined => {
  const [method, path = ""] = line.split(" ")
  return routes.find((one) => one.method === method && one.path.test(path))
}

/** The status of success; 200 where there is no such route. */
export const goodStatus = (line: string): number =>
  [...(routeOf(line)?.answers.keys() ?? [])].find((status) => status < 300) ?? 200

/** Why no Herald answers this line so; undefined: one does. `line`: "GET /v1/config". */
export const unlike = (line: string, status: number, body: unknown): string | undefined => {
  const route = routeOf(line)
  if (route === undefined) return `there is no route ${line}`
  const schemas = route.answers.get(status)
  if (schemas === undefined) return `${line} has no answer ${status}`
  if (status === 204) return body === undefined ? undefined : `${line} answers ${status} without a body`
  const whys = schemas.map((schema) => reads(schema, body))
  return whys.includes(undefined) ? undefined : `${line} does not answer ${JSON.stringify(body)}: ${whys.join("; ")}`
}
