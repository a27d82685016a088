import { BinaryReader } from "@bufbuild/protobuf/wire"
import { assert, it } from "@effect/vitest"
import { escaped } from "../../../layers/Grpc/lane/Replies.ts"
import { Problem } from "../../../proto/generated/herald/publishing/v1/publishing.ts"
import { inBytes, inHeader, MESSAGE } from "../../../src/edge/grpc/HeaderText.ts"
import { richStatusOf } from "../../../src/edge/grpc/RichStatus.ts"
import { statusOf } from "../../../src/edge/grpc/Status.ts"
import { catalogue } from "../../../src/errors/Catalogue.ts"
import { failure } from "../../../src/errors/HeraldError.ts"

/** The message of a `google.rpc.Status`, and the problem in it. */
const partsOf = (rich: Buffer) => {
  let message = ""
  let problem = Problem.decode(new Uint8Array())
  const status = new BinaryReader(rich)
  while (status.pos < status.len) {
    const [field, type] = status.tag()
    if (field === 2) message = status.string()
    else if (field === 3) {
      const any = new BinaryReader(status.bytes())
      let name = ""
      while (any.pos < any.len) {
        const [inner, kind] = any.tag()
        if (inner === 1) name = any.string()
        else if (inner === 2 && name.endsWith(".Problem")) problem = Problem.decode(any.bytes())
        else any.skip(kind)
      }
    } else status.skip(type)
  }
  return [message, problem] as const
}

/** The sum of names and values, with 32 for each header as HTTP/2 counts it. */
const sizeOf = ({ details, trailers = {} }: ReturnType<typeof statusOf>, escape: (text: string) => string) =>
  [["grpc-message", escape(details)], ...Object.entries(trailers)].reduce(
    (sum, [name, value]) => sum + name!.length + `${value}`.length + 32,
    0
  )

it("ZQ2 G16 what fails in any letters fits into the 8 KB that grpc-java takes, is cut between characters and says what to do", () => {
  for (const letters of ["€", "😀", "a", "é b", "\u0007", '"', "%"]) {
    const details = { found: letters.repeat(2_000), retryAfterMillis: 1 }
    const error = failure("InvalidInput", letters.repeat(5_000), { details })
    const status = richStatusOf(error)
    for (const escape of [escaped, encodeURI]) {
      assert.isAtMost(escape(status.details).length, MESSAGE, letters)
      assert.isAtMost(sizeOf(status, escape), 7_700, letters)
    }
    assert.isTrue(status.details.isWellFormed())
    assert.match(status.details, /^HRLD-\d{4} /)
    assert.isTrue(status.details.endsWith(`.... ${catalogue.InvalidInput.fix}`), letters)
    const rich = Buffer.from(`${status.trailers!["grpc-status-details-bin"]}`, "base64")
    const [message, problem] = partsOf(rich)
    assert.isTrue(message.startsWith("HRLD-"))
    if (letters !== "\u0007")
      // a control character, which is replaced
      for (const text of [message, problem.detail, problem.detailsJson]) assert.notInclude(text, "\ufffd", letters)
    assert.strictEqual(problem.fix, catalogue.InvalidInput.fix)
  }
})

it("ZQ2 what fits is not touched, and what is just too long loses no more than it has to", () => {
  const { details } = statusOf(failure("NotFound", "ü".repeat(200)))
  assert.include(details, `${"ü".repeat(200)}. `)
  assert.strictEqual(inHeader("a".repeat(MESSAGE - 1), "b"), `${"a".repeat(MESSAGE - 1)}b`)
  assert.strictEqual(inHeader("a".repeat(MESSAGE), "b"), `${"a".repeat(MESSAGE - 4)}...b`)
  assert.strictEqual(inBytes("ab😀", 6), "ab😀")
  assert.strictEqual(inBytes("ab😀c", 6), "ab...")
})
