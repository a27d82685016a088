/** Answers whose consumers want to hear when they are durable. State. SQ2 in Serving.ts */
import type { Seat } from "./Seat.ts"

export class Receipts {
  #open: Array<{ readonly version: number; readonly seat: Seat; readonly receipt: number }> = []

  /** `version`: of the state in which its answers are. */
  add(seat: Seat, receipt: number, version: number): void {
    this.#open.push({ version, seat, receipt })
  }

  /** The state of this version is kept. */
  kept(version: number): void {
    const done = this.#open.filter((one) => one.version <= version)
    this.#open = this.#open.filter((one) => one.version > version)
    for (const { seat, receipt } of done) seat.offer({ is: "durable", receipt })
  }

  /** Nobody knows whether they were kept. */
  lost(): void {
    for (const { seat, receipt } of this.#open) seat.offer({ is: "lost", receipt })
    this.#open = []
  }
}
