/** gRPC's official interop client against its own service on the lane. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { LaneServer } from "../../layers/Grpc/lane/LaneServer.ts"
import { makeCertificates } from "../support/Certificates.ts"
import { cases, runCase } from "./OfficialClient.ts"
import { testService } from "./service/TestService.ts"
import { goProgram } from "./Tools.ts"

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

let clear: Opened
let secure: Opened
let ca: string
beforeAll(async () => {
  await goProgram("client")
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

describe("grpc-go's interop client", () => {
  it.each(cases)("%s, in clear text", (name) => runCase(name, clear.port))
  it.each(cases)("%s, in TLS", (name) => runCase(name, secure.port, ca))

  it("met no protection, and no fault of the lane", () => {
    assert.deepStrictEqual(refused, [])
    assert.deepStrictEqual(defects, [])
  })
})
