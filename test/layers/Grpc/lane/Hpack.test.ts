/** `stories.json`: from https://github.com/http2jp/hpack-test-case (MIT), the same requests as fourteen encoders wrote them. */
import { readFileSync } from "node:fs"
import { createServer, type ServerHttp2Stream } from "node:http2"
import { Duplex } from "node:stream"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  encodeBlock,
  type Header,
  HpackDecoder,
  HpackError,
  STATIC,
  TABLE_BYTES
} from "../../../../layers/Grpc/lane/Hpack.ts"
import { pack, unpack } from "../../../../layers/Grpc/lane/Huffman.ts"
import { until } from "../../../support/turn.ts"

interface Story {
  /** One a request: lines of a name, a tab and a value. */
  readonly headers: ReadonlyArray<string>
  /** By encoder: the blocks of these requests, in hexadecimal. */
  readonly wires: Readonly<Record<string, string>>
}
const stories: Readonly<Record<string, Story>> = JSON.parse(
  readFileSync(new URL("stories.json", import.meta.url), "utf8")
)

const LIST = 65_536
const decoder = () => new HpackDecoder(LIST)
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex")
const latin1 = (bytes: ReadonlyArray<number>) => Buffer.from(bytes).toString("latin1")
const Bytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 })))

const refuses = (block: Buffer, saying: string) => {
  try {
    decoder().decode(block)
  } catch (error) {
    assert.instanceOf(error, HpackError)
    return assert.include((error as Error).message, saying)
  }
  assert.fail("it was taken")
}

describe("Huffman", () => {
  it("HX1 packs the examples of RFC 7541, appendix C", () => {
    const examples = {
      "www.example.com": "f1e3c2e5f23a6ba0ab90f4ff",
      "no-cache": "a8eb10649cbf",
      "custom-key": "25a849e95ba97d7f",
      "Mon, 21 Oct 2013 20:13:21 GMT": "d07abe941054d444a8200595040b8166e082a62d1bff"
    }
    for (const [text, packed] of Object.entries(examples)) {
      assert.strictEqual(pack(text).toString("hex"), packed)
      assert.strictEqual(unpack(hex(packed), 0, packed.length / 2), text)
    }
  })

  it("HX1 takes every byte there and back", () => {
    for (let byte = 0; byte < 256; byte++) {
      const text = String.fromCharCode(byte).repeat(9)
      const packed = pack(text)
      assert.strictEqual(unpack(packed, 0, packed.length), text)
    }
  })

  it.prop("HX1 takes any bytes there and back", [Bytes], ([bytes]) => {
    const packed = pack(latin1(bytes))
    assert.strictEqual(unpack(packed, 0, packed.length), latin1(bytes))
  })

  it("HX1 refuses padding of eight bits, padding of zeros, and EOS", () => {
    assert.isUndefined(unpack(hex("1fff"), 0, 2)) // "a", then eleven ones
    assert.isUndefined(unpack(hex("18"), 0, 1)) // "a", then zeros
    assert.isUndefined(unpack(hex("fffffffc"), 0, 4))
    assert.strictEqual(unpack(hex("1f"), 0, 1), "a")
    assert.strictEqual(unpack(hex(""), 0, 0), "")
  })

  it.prop("HX1 what it takes at all, packs to the same bytes again", [Bytes], ([bytes]) => {
    const text = unpack(Buffer.from(bytes), 0, bytes.length)
    if (text !== undefined) assert.deepStrictEqual([...pack(text)], [...bytes])
  })
})

describe("HPACK", () => {
  for (const [name, { headers, wires }] of Object.entries(stories))
    for (const [encoder, blocks] of Object.entries(wires))
      it(`reads ${name} of ${encoder}`, () => {
        const decoder = new HpackDecoder(LIST, 65_536)
        const read = blocks.split(" ").map((block) => decoder.decode(hex(block)).headers)
        assert.deepStrictEqual(
          read.map((list) => list.map(([name, value]) => `${name}\t${value}`).join("\n")),
          headers
        )
      })

  it.prop(
    "HX4 what it writes, any decoder reads, whatever its table holds",
    [Schema.Array(Schema.Tuple([Bytes, Bytes]))],
    ([list]) => {
      const headers = list.map(([name, value]): Header => [latin1(name), latin1(value)])
      const reader = decoder()
      reader.decode(hex("400161017a")) // an entry: a: z
      assert.deepStrictEqual(reader.decode(encodeBlock(headers)), { headers, tooLong: false })
      assert.strictEqual(reader.size, 0)
    }
  )

  it("HX4 is read by Node's own HTTP/2", async () => {
    const seen: Array<unknown> = []
    const server = createServer()
    server.on("stream", (stream: ServerHttp2Stream, headers) => {
      seen.push(headers[":path"], headers["x-any"])
      stream.respond({ ":status": 200 }, { endStream: true })
    })
    const block = encodeBlock([
      [":method", "POST"],
      [":scheme", "http"],
      [":path", "/a.B/C"],
      [":authority", "localhost"],
      ["x-any", "~ any {value} of 'some' length |"]
    ])
    const written: Array<Buffer> = []
    const duplex = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        written.push(chunk)
        done()
      }
    })
    server.emit("connection", duplex)
    const header = Buffer.from([0, 0, block.length, 1, 5, 0, 0, 0, 1])
    duplex.push(
      Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), hex("000000040000000000"), header, block])
    )
    await until(() => seen.length > 0 && written.length > 0)
    duplex.destroy()
    assert.deepStrictEqual(seen, ["/a.B/C", "~ any {value} of 'some' length |"])
  })

  it("HX2 keeps no more of a list than its bound, and the table stays the peer's", () => {
    const reader = new HpackDecoder(200)
    const large = `4003626967 7f81 01${"61".repeat(256)}`.replaceAll(" ", "")
    const { headers, tooLong } = reader.decode(hex(`${large}82`))
    assert.deepStrictEqual([headers, tooLong], [[], true])
    assert.strictEqual(reader.size, 3 + 256 + 32)
    assert.deepStrictEqual(reader.decode(hex("82")), { headers: [[":method", "GET"]], tooLong: false })
  })

  it("HX2 a thousand references to a large entry take its room once", () => {
    const reader = new HpackDecoder(16_384)
    reader.decode(hex(`40016f7f 8117${"62".repeat(3_072)}`.replace("7f 8117", "7f8117")))
    const { headers, tooLong } = reader.decode(Buffer.alloc(30_000, 0xbe))
    assert.isTrue(tooLong)
    assert.isAtMost(headers.length, 6)
  })

  it("HX2 evicts the oldest, and takes nothing that is larger than the table", () => {
    const reader = new HpackDecoder(LIST, 100)
    reader.decode(hex("4001610131")) // a: 1, 34 bytes
    reader.decode(hex("4001620132"))
    reader.decode(hex("4001630133")) // the first goes
    assert.strictEqual(reader.size, 68)
    assert.deepStrictEqual(reader.decode(hex("bebf")).headers, [
      ["c", "3"],
      ["b", "2"]
    ])
    reader.decode(hex(`40016440${"64".repeat(64)}`).subarray(0, 68))
    assert.strictEqual(reader.size, 97)
    reader.decode(hex(`40016541${"65".repeat(65)}`).subarray(0, 69))
    reader.decode(hex(`40016650${"65".repeat(80)}`))
    assert.strictEqual(reader.size, 0)
  })

  it("HX2 HX3 refuses what is wrong", () => {
    refuses(hex("80"), "index 0")
    refuses(hex("be"), "no entry has index 62")
    refuses(hex("3fe21f"), `a table of ${TABLE_BYTES + 1} bytes`)
    refuses(hex("8220"), "in the middle of a block")
    refuses(hex("ff"), "within an integer")
    refuses(hex("ffffffffff0f"), "more than 28 bits")
    refuses(hex("40"), "where a string should begin")
    refuses(hex("400561"), "within a string")
    refuses(hex("4082180000"), "not of the Huffman code")
  })

  it.prop(
    "HX3 whatever comes, it is read or refused, and the table keeps its bound",
    [Schema.Array(Bytes)],
    ([blocks]) => {
      const reader = new HpackDecoder(1_000, 256)
      for (const block of blocks) {
        try {
          const { headers } = reader.decode(Buffer.from(block))
          assert.isAtMost(
            headers.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0),
            1_000
          )
        } catch (error) {
          assert.instanceOf(error, HpackError)
        }
        assert.isAtMost(reader.size, 256)
      }
    }
  )

  it("knows the static table", () => {
    assert.strictEqual(STATIC.length, 61)
    for (const [i, header] of STATIC.entries())
      assert.deepStrictEqual(decoder().decode(Buffer.from([0x80 | (i + 1)])).headers, [header])
  })
})
