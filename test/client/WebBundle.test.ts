/** What a bundler makes of the SDK for browsers: of what, and how much. */
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { bundleOf } from "../support/bundle.ts"

const source = (file: string) => fileURLToPath(new URL(`../../src/client/${file}`, import.meta.url))

/** Bytes that go over the network, and what docs/browsers.md says of them. */
const bounds = { "Web.ts": 45_000, "topics/Web.ts": 30_000 } as const

describe("the SDK in a bundle", () => {
  for (const [file, bound] of Object.entries(bounds))
    it(`XW6 ${file} has nothing of Node, of gRPC, or of a package, and is small`, async () => {
      const { code, modules } = await bundleOf(source(file), true)
      assert.isEmpty(modules.filter((one) => one.startsWith("node_modules") || one.startsWith("proto")))
      assert.notMatch(code, /["'`]node:|require\(|process\.|Buffer\./)
      const packed = gzipSync(code, { level: 9 }).length
      assert.isBelow(packed, bound)
      assert.isAbove(
        packed,
        bound * 0.6,
        "the bound is far from what there is: lower it, and say so in docs/browsers.md"
      )
    })
})
