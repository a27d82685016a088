/** A Herald's gRPC door in clear text and one in TLS, on the lane, over memory twins: what suites of this folder speak to. */
import { type Certificates, makeCertificates } from "../support/Certificates.ts"
import { Door } from "../support/Door.ts"
import { newFolder } from "../support/folder.ts"

export const kinds = ["clear text", "TLS"] as const
export type Kind = (typeof kinds)[number]

export class Heralds implements AsyncDisposable {
  readonly folder = newFolder()
  readonly certificates: Certificates = makeCertificates(this.folder.path)
  readonly #doors = new Map<Kind, Door>()

  static async open(): Promise<Heralds> {
    const heralds = new Heralds()
    const { certificate: cert, key } = heralds.certificates
    heralds.#doors.set("clear text", await Door.open({ server: "lane" }))
    heralds.#doors.set("TLS", await Door.open({ server: "lane", tls: { cert, key } }))
    return heralds
  }

  of(kind: Kind): Door {
    return this.#doors.get(kind)!
  }

  port(kind: Kind): number {
    return Number(this.of(kind).address.split(":")[1])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const door of this.#doors.values()) await door.close()
    this.folder.remove()
  }
}
