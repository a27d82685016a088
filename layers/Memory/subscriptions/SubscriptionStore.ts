/** Subscriptions and their dead letters over a `State`: the rules of migration 0037. */
import { Clock, Effect, Layer } from "effect"
import { inScope } from "../../../src/access/TopicRights.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import type { DeadLetter } from "../../../src/subscriptions/DeadLetter.ts"
import { placesOf } from "../../../src/subscriptions/Place.ts"
import { beginAt } from "../../../src/subscriptions/SavedCursor.ts"
import { limits, type Subscription } from "../../../src/subscriptions/Subscription.ts"
import { type Retrying, SubscriptionStore } from "../../../src/subscriptions/SubscriptionStore.ts"
import type { Note } from "../../../src/topics/TopicStore.ts"
import { AccessTables } from "../access/AccessTables.ts"
import { State } from "../State.ts"
import { cursorKey, type Rows, SubscriptionTables } from "./SubscriptionTables.ts"

const keyOf = ({ topicName, subscriptionName }: Pick<Subscription, "topicName" | "subscriptionName">): string =>
  `${topicName}\u0000${subscriptionName}`

export const layer = Layer.effect(
  SubscriptionStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(SubscriptionTables)
    const now = () => clock.currentTimeMillisUnsafe()
    /** SM4 */
    const noted = (
      action: string,
      note: Note | undefined,
      named: Pick<Subscription, "topicName" | "subscriptionName">,
      also: Record<string, unknown> = {}
    ): void => {
      if (note === undefined) return
      const { topicName: topic, subscriptionName: subscription } = named
      const { by, keyId, message } = note
      const details = { topic, subscription, keyId, ...(message === "" ? {} : { message }), ...also }
      state.tables(AccessTables).append({ configId: "", action, performedBy: by, details, createdAt: now() })
    }
    return SubscriptionStore.of({
      create: (made, begins, by, note) =>
        Effect.suspend(() => {
          const { topicName, subscriptionName } = made
          if (tables.named(topicName, subscriptionName) !== undefined)
            return failure("SubscriptionExists", `${topicName} has a subscription ${subscriptionName} already`)
          const there = [...tables.all.values()].filter(({ subscription }) => subscription.topicName === topicName)
          if (there.length >= limits.perTopic)
            return failure("SubscriptionsFull", `${topicName} has ${limits.perTopic} subscriptions already`)
          const subscription: Subscription = {
            ...{
              ...made,
              id: String(++tables.ids),
              epoch: 1,
              version: 1,
              status: "active",
              reason: "",
              pausedUntil: null
            },
            ...{ createdAt: now(), createdBy: by, lastActivity: now() }
          }
          const maps = { cursors: new Map(), shares: new Map(), nodes: new Map(), letters: new Map() }
          const rows: Rows = { subscription, ...maps, hands: 0 }
          tables.place(rows, placesOf(subscription, begins))
          tables.all.set(subscription.id, rows)
          noted("subscription.create", note, subscription, { id: subscription.id, type: subscription.type })
          return Effect.succeed(subscription)
        }),
      get: (topicName, subscriptionName) => Effect.sync(() => tables.named(topicName, subscriptionName)?.subscription),
      list: (topicName, { limit, after, scope }) =>
        Effect.sync(() =>
          [...tables.all.values()]
            .map(({ subscription }) => subscription)
            .filter((one) => (topicName === "" || one.topicName === topicName) && inScope(scope, one.topicName))
            .filter((one) => after === undefined || keyOf(one) > keyOf(after))
            .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
            .slice(0, limit)
        ),
      remove: (topicName, subscriptionName, note) =>
        Effect.sync(() => {
          const rows = tables.named(topicName, subscriptionName)
          if (rows === undefined) return false
          const { id } = rows.subscription
          noted("subscription.delete", note, rows.subscription, { id })
          return tables.all.delete(id)
        }),
      change: ({ id, epoch }, { status, reason, pausedMillis }, note) =>
        Effect.sync(() => {
          const rows = tables.all.get(id)
          if (rows === undefined || rows.subscription.epoch !== epoch) return undefined
          if (rows.subscription.status === "stopped" && (status === "paused" || status === "error")) return undefined
          const pausedUntil = pausedMillis === null ? null : now() + pausedMillis
          rows.subscription = { ...rows.subscription, status, reason, pausedUntil, lastActivity: now() }
          noted(`subscription.${status}`, note, rows.subscription, { id, pausedMillis })
          return rows.subscription
        }),
      update: ({ id, version }, change, note) =>
        Effect.sync(() => {
          const rows = tables.all.get(id)
          if (rows === undefined || rows.subscription.version !== version) return undefined
          rows.subscription = { ...rows.subscription, ...change, version: version + 1, lastActivity: now() }
          noted("subscription.update", note, rows.subscription, { id, change })
          return rows.subscription
        }),
      seek: (topicName, subscriptionName, begins, note) =>
        Effect.sync(() => {
          const rows = tables.named(topicName, subscriptionName)
          if (rows === undefined) return undefined
          const { epoch } = rows.subscription
          rows.subscription = { ...rows.subscription, epoch: epoch + 1, lastActivity: now() }
          for (const share of rows.shares.values())
            Object.assign(share, { run: "", token: share.token + 1n, until: Number.POSITIVE_INFINITY })
          const places = placesOf(rows.subscription, begins)
          tables.place(rows, places)
          for (const row of rows.cursors.values()) row.token = 0n
          for (const { partition, from, to, logEpoch, offset } of places) {
            const row = rows.cursors.get(cursorKey({ partition, from, to }))!
            row.saved = beginAt(logEpoch, offset)
            row.version = 0
          }
          const { id } = rows.subscription
          noted("subscription.seek", note, rows.subscription, { id, begins })
          return rows.subscription
        }),
      extend: (subscription, begins) =>
        Effect.sync(() => {
          const rows = tables.all.get(subscription.id)
          if (rows !== undefined) tables.place(rows, placesOf(subscription, begins))
        }),
      progress: (id) =>
        Effect.sync(() =>
          [...(tables.all.get(id)?.cursors.values() ?? [])]
            .sort((a, b) => a.slice.partition - b.slice.partition || a.slice.from - b.slice.from)
            .map(({ slice, share, saved: { logEpoch, floor, ranges, failed } }) => ({
              ...{ ...slice, share, logEpoch, floor, ranges, failed: failed.length }
            }))
        ),
      retrying: (id, limit) =>
        Effect.sync(() =>
          [...(tables.all.get(id)?.cursors.values() ?? [])]
            .flatMap(({ slice: { partition }, saved: { logEpoch, failed } }) =>
              failed.flatMap((one): Array<Retrying> => (one.rejected ? [] : [{ partition, logEpoch, ...one }]))
            )
            .sort((a, b) => a.due - b.due || a.partition - b.partition || a.offset - b.offset)
            .slice(0, limit)
        ),
      deadLettersTo: (topicName, limit) =>
        Effect.sync(() =>
          [...tables.all.values()]
            .map(({ subscription }) => subscription)
            .filter((one) => topicName !== "" && one.deadLetterTopic === topicName)
            .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
            .slice(0, limit)
        ),
      counts: (id) =>
        Effect.sync(() => {
          const rows = tables.all.get(id)
          const nodes = [...(rows?.nodes ?? [])].filter(([run]) => tables.isAlive(run, now()))
          return {
            consumers: nodes.reduce((sum, [, { consumers }]) => sum + consumers, 0),
            deadLetters: rows?.letters.size ?? 0
          }
        }),
      deadLetters: (id, { limit, after, maxBytes }) =>
        Effect.sync(() => {
          const page: Array<DeadLetter> = []
          let bytes = 0
          for (const letter of tables.all.get(id)?.letters.values() ?? []) {
            if (letter.id <= after) continue
            bytes += letter.event.length
            if (page.length === limit || (page.length > 0 && bytes > maxBytes)) break
            page.push(letter)
          }
          return page
        }),
      bury: (id, letters, why, note) =>
        Effect.sync(() => {
          const rows = tables.all.get(id)
          if (rows === undefined) return 0
          const went: Array<number> = []
          for (const [name, letter] of rows.letters)
            if (typeof letters === "number" ? went.length < letters : letters.includes(letter.id)) {
              rows.letters.delete(name)
              went.push(letter.id)
            }
          if (went.length > 0) noted(`dead_letters.${why}`, note, rows.subscription, { id, letters: went })
          return went.length
        })
    })
  })
)
