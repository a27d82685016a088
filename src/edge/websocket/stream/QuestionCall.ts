/**
 * A question on a stream as the handler of a method with one message has calls: what it answers, or why it does not, is told once.
 */
import type { Problem } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { failure } from "../../../errors/HeraldError.ts"
import { Code } from "../../grpc/Code.ts"
import { problemIn, problemOf } from "../../grpc/RichStatus.ts"
import type { CallListener, CallStatus, ServerCall } from "../../grpc/ServerCall.ts"

const unanswered = problemOf(failure("Internal", "the question was not answered"))

export class QuestionCall implements ServerCall {
  readonly path: string
  readonly metadata: ServerCall["metadata"]
  readonly peer: ServerCall["peer"]
  readonly system: ServerCall["system"]
  readonly host: string
  readonly deadline = Number.POSITIVE_INFINITY
  whenEnded: ServerCall["whenEnded"]
  #message: Buffer | undefined
  #answer: Buffer | undefined
  #listener: CallListener | undefined
  #isOver = false
  readonly #tell: (answer: Buffer | Problem) => void

  constructor(stream: ServerCall, message: Buffer, tell: (answer: Buffer | Problem) => void) {
    this.path = stream.path
    this.metadata = stream.metadata
    this.peer = stream.peer
    this.system = stream.system
    this.host = stream.host
    this.#message = message
    this.#tell = tell
  }

  certificate(): undefined {
    return undefined
  }
  hear(listener: CallListener): void {
    this.#listener = listener
  }
  read(): void {
    const message = this.#message
    this.#message = undefined
    if (message === undefined) this.#listener?.end()
    else this.#listener?.message(message)
  }
  begin(): void {}
  send(message: Buffer): boolean {
    this.#answer = message
    return true
  }
  whenClear(then: () => void): void {
    setImmediate(then)
  }
  end(status: CallStatus): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#listener?.over()
    if (status.code === Code.OK && this.#answer !== undefined) this.#tell(this.#answer)
    else this.#tell(problemIn(status) ?? unanswered)
  }
}
