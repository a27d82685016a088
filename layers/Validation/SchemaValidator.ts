/**
 * SchemaValidator with ajv in one worker thread.
 *
 *   S1  The main thread never runs a schema: a schema that takes longer than `limit` costs its worker, not the server.
 *   S2  One question at a time, so the time limit counts one evaluation and nobody's waiting.
 *   S3  A worker that died or was terminated is replaced at the next question.
 */
import { Worker } from "node:worker_threads"
import { Duration, Effect, Layer, Semaphore } from "effect"
import { schemaProblem } from "../../src/configuration/JsonSchema.ts"
import { SchemaValidator } from "../../src/configuration/SchemaValidator.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"
import type { Answer, Question } from "./SchemaMessages.ts"

export interface SchemaValidatorOptions {
  /** Of one evaluation, compilation included. */
  readonly limit: Duration.Input
  /** For an answer, waiting for others included. */
  readonly patience: Duration.Input
}

export const defaults: SchemaValidatorOptions = { limit: "1 second", patience: "10 seconds" }

const START = "30 seconds"

type Heard = { readonly _tag: "Answer"; readonly answer: Answer } | { readonly _tag: "Died"; readonly error: Error }

/** The next thing a worker says. */
const next = (worker: Worker): Effect.Effect<Heard> =>
  Effect.callback<Heard>((resume) => {
    const settle = (heard: Heard) => {
      worker.off("message", message).off("error", died).off("exit", exited)
      resume(Effect.succeed(heard))
    }
    const message = (answer: Answer) => settle({ _tag: "Answer", answer })
    const died = (error: Error) => settle({ _tag: "Died", error })
    const exited = (code: number) => died(new Error(`the worker ended with code ${code}`))
    worker.on("message", message).on("error", died).on("exit", exited)
    return Effect.sync(() => worker.off("message", message).off("error", died).off("exit", exited))
  })

/** Names a schema to its author: by $id or title, otherwise by its beginning. */
const nameOf = (schema: unknown, text: string): string => {
  const { $id, title } = Object(schema) as { $id?: unknown; title?: unknown }
  const name = typeof $id === "string" ? $id : typeof title === "string" ? title : text
  return name.length > 120 ? `${name.slice(0, 120).toWellFormed()}…` : name
}

export const layer = (options: SchemaValidatorOptions = defaults) =>
  Layer.effect(
    SchemaValidator,
    Effect.gen(function* () {
      const turn = yield* Semaphore.make(1)
      const limit = Duration.fromInputUnsafe(options.limit)
      let current: Worker | undefined

      const drop = (worker: Worker) =>
        Effect.promise(async () => {
          if (current === worker) current = undefined
          worker.on("error", () => {})
          await worker.terminate()
        })

      const start = Effect.gen(function* () {
        const worker = new Worker(new URL("./schemaWorker.ts", import.meta.url), {
          name: "herald-schema",
          resourceLimits: { maxOldGenerationSizeMb: 256, stackSizeMb: 4 }
        })
        const heard = yield* next(worker).pipe(
          Effect.timeoutOption(START),
          Effect.onInterrupt(() => drop(worker))
        )
        if (heard._tag === "Some" && heard.value._tag === "Answer") {
          worker.unref()
          // Between two questions nobody listens: a death then must not be an uncaught error. S3
          worker.on("error", () => {})
          worker.on("exit", () => {
            if (current === worker) current = undefined
          })
          return (current = worker)
        }
        yield* drop(worker)
        const cause = heard._tag === "Some" && heard.value._tag === "Died" ? heard.value.error : undefined
        return yield* failure("Internal", `the schema worker does not start: ${cause?.message ?? "no answer"}`, {
          cause
        })
      })

      yield* Effect.addFinalizer(() => Effect.suspend(() => (current === undefined ? Effect.void : drop(current))))

      const ask = Effect.fnUntraced(function* (schema: unknown, question: Question) {
        const worker = current ?? (yield* start)
        const answer = next(worker)
        const heard = yield* Effect.suspend(() => {
          worker.postMessage(question)
          return answer
        }).pipe(
          Effect.timeoutOption(limit),
          Effect.onInterrupt(() => drop(worker))
        )
        if (heard._tag === "None") {
          yield* drop(worker) // S1
          return yield* failure(
            "InvalidSchema",
            `the schema ${nameOf(schema, question.schema)} is too slow: no result for this value within ${Duration.format(limit)}; simplify its patterns`
          )
        }
        if (heard.value._tag === "Died") {
          yield* drop(worker)
          return yield* failure(
            "InvalidSchema",
            `evaluating the schema ${nameOf(schema, question.schema)} ended its worker: ${heard.value.error.message}`
          )
        }
        return heard.value.answer
      })

      const validate = Effect.fn("SchemaValidator.validate")(function* (schema: unknown, value: unknown) {
        const problem = schemaProblem(schema)
        if (problem !== undefined) return yield* failure("InvalidSchema", `the schema can't be used: ${problem}`)
        const question = { schema: JSON.stringify(schema), value }
        const answer: Answer = yield* ask(schema, question).pipe(
          turn.withPermits(1), // S2
          Effect.timeoutOrElse({
            duration: options.patience,
            orElse: (): Effect.Effect<never, HeraldError> =>
              Effect.fail(failure("Timeout", "the schema check waited too long behind others; nothing was written"))
          })
        )
        if (answer._tag === "InvalidSchema") {
          return yield* failure("InvalidSchema", `the schema can't be used: ${answer.message}`)
        }
        if (answer._tag === "Violation") {
          return yield* failure("SchemaViolation", `the value breaks its schema: ${answer.message}`, {
            details: { path: answer.path }
          })
        }
      })

      return SchemaValidator.of({ validate })
    })
  )
