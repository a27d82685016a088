/** gRPC's official interop client, of grpc-go, against its own service on the lane. */
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { LaneServer } from "../../layers/Grpc/lane/LaneServer.ts"
import { makeCertificates } from "../support/Certificates.ts"
import { testService } from "./service/TestService.ts"
import { goProgram } from "./Tools.ts"

const cases = [
  "empty_unary",
  "large_unary",
  "client_streaming",
  "server_streaming",
  "ping_pong",
  "empty_stream",
  "timeout_on_sleeping_server",
  "cancel_after_begin",
  "cancel_after_first_response",
  "status_code_and_message",
  "special_status_message",
  "custom_metadata",
  "unimplemented_method",
  "unimplemented_service",
  "rpc_soak",
  "channel_soak"
]

const folder = mkdtempSync(join(tmpdir(), "herald-interop-"))
const defects: Array<unknown> = []
const refused: Array<string> = []
const open = async (tls?: { readonly cert: Buffer; readonly key: Buffer }) => {
  const lane = new LaneServer({
    handlers: testService(),
    defect: (error) => void defects.push(error),
    refuse: (reason) => void refused.push(reason)
  })
  lane.make(tls)
  return { lane, port: await lane.listen("127.0.0.1", 0) }
}
type Opened = Awaited<ReturnType<typeof open>>

let client: string
let clear: Opened
let secure: Opened
let ca: string
beforeAll(async () => {
  client = await goProgram("client")
  const certificates = makeCertificates(folder)
  ca = certificates.ca
  clear = await open()
  secure = await open({ cert: readFileSync(certificates.certificate), key: readFileSync(certificates.key) })
})
afterAll(() => {
  clear?.lane.destroy()
  secure?.lane.destroy()
  rmSync(folder, { recursive: true, force: true })
})

const run = async (name: string, port: number, ...more: ReadonlyArray<string>) => {
  const args = ["-server_host=localhost", `-server_port=${port}`, `-test_case=${name}`, ...more]
  try {
    await promisify(execFile)(client, args, { timeout: 60_000 })
  } catch (cause) {
    assert.fail(`${name}: ${(cause as { readonly stderr?: string }).stderr ?? String(cause)}`)
  }
}

describe("grpc-go's interop client", () => {
  it.each(cases)("%s, in clear text", (name) => run(name, clear.port))
  it.each(cases)("%s, in TLS", (name) => run(name, secure.port, "-use_tls", "-use_test_ca", `-ca_file=${ca}`))

  it("met no protection, and no fault of the lane", () => {
    assert.deepStrictEqual(refused, [])
    assert.deepStrictEqual(defects, [])
  })
})
