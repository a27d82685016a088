/** A consumer over the WebSocket of topics, by `ws`, which nobody here wrote. What is said and told is as the AsyncAPI document has it. */
import { readFileSync } from "node:fs"
import { assert } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import { WebSocket } from "ws"
import { parse } from "yaml"
import type { Said } from "./WebSockets.ts"
import { waitUntil } from "./waitUntil.ts"

const { components } = parse(readFileSync(new URL("../../schema/topics-stream.yaml", import.meta.url), "utf8"))
const fits = (name: "said" | "told") =>
  new Ajv2020({ strict: false }).compile({ components, $ref: `#/components/schemas/${name}` })
const [isSaid, isTold] = [fits("said"), fits("told")]

export class ConsumerSocket {
  readonly socket: WebSocket
  readonly told: Array<Said> = []
  closed: { readonly code: number; readonly reason: string } | undefined

  /** `http`: such as http://127.0.0.1:8080. */
  constructor(http: string, token: string) {
    this.socket = new WebSocket(`${http.replace(/^http/, "ws")}/v1/topics/stream`, "herald.topics.v1", {
      headers: { authorization: `Bearer ${token}` }
    })
    this.socket.on("message", (data) => this.heard(JSON.parse(String(data))))
    this.socket.on("error", () => {})
    this.socket.on("close", (code, reason) => (this.closed = { code, reason: String(reason) }))
  }

  heard(told: Said): void {
    this.told.push(told)
  }

  say(message: Said): void {
    this.socket.send(JSON.stringify(message))
  }

  /** What is right is documented, too. */
  says(message: Said): void {
    assert.isTrue(isSaid(message), `${JSON.stringify(message)} ${JSON.stringify(isSaid.errors)}`)
    this.say(message)
  }

  all(type: string, id = "c"): ReadonlyArray<Said> {
    return this.told.filter((one) => one.type === type && one.id === id)
  }

  until(type: string, id = "c"): Promise<Said> {
    return waitUntil(`a message ${type} for ${id}`, () => this.all(type, id)[0])
  }

  get events(): ReadonlyArray<Said> {
    return this.all("delivery").flatMap(({ token, events }) => events.map((event: Said) => ({ ...event, token })))
  }

  eventsUntil(count: number): Promise<ReadonlyArray<Said>> {
    return waitUntil(`${count} events`, () => (this.events.length >= count ? this.events : undefined))
  }

  close(): void {
    this.socket.terminate()
    for (const one of this.told) assert.isTrue(isTold(one), `${JSON.stringify(one)} ${JSON.stringify(isTold.errors)}`)
  }
}
