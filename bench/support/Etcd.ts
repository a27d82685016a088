/** etcd as it comes, for comparison: one member, durable, on a data folder that goes with it. Its wire: etcd's api/etcdserverpb/rpc.proto. */
import { type ChildProcess, spawn } from "node:child_process"
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire"
import { freePort } from "../../layers/Postgres/embedded/Postmaster.ts"
import { etcdBinary } from "../../test/support/etcdBinary.ts"
import { newFolder } from "../../test/support/folder.ts"
import { until } from "./Process.ts"
import { Unary } from "./Unary.ts"

const REVISION = 3

export class Etcd implements AsyncDisposable {
  readonly #folder = newFolder()
  #child: ChildProcess | undefined
  /** Such as `127.0.0.1:2379`. */
  address = ""

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async start(more: ReadonlyArray<string> = []): Promise<this> {
    const [client, peer] = [await freePort(), await freePort()]
    const [clients, peers] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`]
    const child = spawn(
      etcdBinary(),
      [
        ...["--name", "bench", "--data-dir", this.#folder.path, "--log-level", "error"],
        ...["--listen-client-urls", clients, "--advertise-client-urls", clients],
        ...["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers],
        ...["--initial-cluster", `bench=${peers}`],
        ...more
      ],
      { stdio: ["ignore", "ignore", "inherit"] }
    )
    const kill = () => void child.kill("SIGKILL")
    process.once("exit", kill)
    child.once("exit", () => process.off("exit", kill))
    this.#child = child
    this.address = `127.0.0.1:${client}`
    await until("etcd to serve", async () => {
      if (child.exitCode !== null) throw new Error("etcd ended")
      return (await fetch(`${clients}/health`).catch(() => undefined))?.ok === true ? true : undefined
    })
    return this
  }

  connect(): Unary {
    return new Unary(this.address)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child
    if (child !== undefined && child.exitCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve))
      child.kill("SIGKILL")
      await ended
    }
    this.#folder.remove()
  }
}

/** The revision in the header, which is the first field of an answer. */
const revisionIn = (answer: Buffer): number => {
  const reader = new BinaryReader(answer)
  reader.tag()
  reader.uint32()
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === REVISION) return Number(reader.int64())
    reader.skip(type)
  }
  return 0
}

/** Puts `value`; returns the revision it became. */
export const put = async (connection: Unary, key: string, value: string): Promise<number> =>
  revisionIn(
    await connection.call(
      "/etcdserverpb.KV/Put",
      new BinaryWriter().uint32(10).string(key).uint32(18).string(value).finish()
    )
  )
