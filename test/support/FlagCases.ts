/** Flags of every sort, and what OpenFeature's SDK answers for them: the same whichever provider is below it. */
import { assert } from "@effect/vitest"
import type { Client } from "@openfeature/server-sdk"
import type { Server } from "./Server.ts"

export const put = async (to: Server, flag: string, value: unknown) => {
  const { status, body } = await to.call("PUT", `/v1/flags/${flag}?environment=production`, { value })
  assert.strictEqual(status, 200, JSON.stringify(body))
}
const rule = { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] }
export const toggle = (more: object = {}) => ({
  state: "ENABLED",
  variants: { on: true, off: false },
  defaultVariant: "off",
  targeting: rule,
  ...more
})
export const fill = async (to: Server) => {
  await put(to, "toggle", toggle())
  await put(to, "half", { enabled: true, percentage: 50 })
  await put(to, "after", { enabled: true, prerequisites: [{ flag: "toggle", variant: "on" }] })
  await put(to, "text", { state: "ENABLED", variants: { empty: "" }, defaultVariant: "empty" })
  await put(to, "whole", { state: "ENABLED", variants: { zero: 0 }, defaultVariant: "zero" })
  await put(to, "object", { state: "ENABLED", variants: { a: { list: [1, "x", null] } }, defaultVariant: "a" })
  await put(to, "dark", toggle({ state: "DISABLED" }))
  await put(to, "open", toggle({ defaultVariant: null }))
}

export const answers = async (client: Client) => {
  const pro = { targetingKey: "ann", plan: "pro" }
  const of = async (asked: Promise<{ value: unknown; variant?: string; reason?: string; errorCode?: string }>) => {
    const { value, variant, reason, errorCode } = await asked
    return [value, variant, reason, errorCode]
  }
  const buckets: Array<boolean> = []
  for (let n = 0; n < 20; n++) buckets.push(await client.getBooleanValue("half", false, { targetingKey: `user-${n}` }))
  return {
    match: await of(client.getBooleanDetails("toggle", false, pro)),
    default: await of(client.getBooleanDetails("toggle", true, { targetingKey: "ann" })),
    after: [await client.getBooleanValue("after", false, pro), await client.getBooleanValue("after", true, {})],
    text: await of(client.getStringDetails("text", "code")),
    whole: await of(client.getNumberDetails("whole", 5)),
    object: (await client.getObjectDetails("object", {})).value,
    gone: await of(client.getBooleanDetails("gone", true)),
    wrong: (await client.getStringDetails("toggle", "code")).errorCode,
    buckets
  }
}
