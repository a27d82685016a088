/** How far subscriptions are, over a `State`: the rules of migration 0037. */
import { Clock, Effect, Layer } from "effect"
import { type Attending, type Claimed, CursorStore, type Standing } from "../../../src/subscriptions/CursorStore.ts"
import { State } from "../State.ts"
import { letterKey, SubscriptionTables } from "./SubscriptionTables.ts"

export const layer = Layer.effect(
  CursorStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(SubscriptionTables)
    const now = () => clock.currentTimeMillisUnsafe()

    const attend = (run: string, { id, consumers, lives }: Attending, until: number) => {
      const rows = tables.all.get(id)
      if (rows === undefined || consumers === 0) return
      const before = rows.nodes.get(run)
      const since = before !== undefined && before.until > now() ? before.since : now()
      rows.nodes.set(run, { consumers, lives, since, until })
      rows.subscription = { ...rows.subscription, lastActivity: now() }
    }

    const standing = (id: string): ReadonlyArray<Standing> => {
      const rows = tables.all.get(id)
      if (rows === undefined) return []
      const nodes = [...rows.nodes].filter(([, { until }]) => until > now())
      nodes.sort(([a, one], [b, two]) => one.since - two.since || (a < b ? -1 : 1))
      const shares = [...rows.shares].sort(([a], [b]) => a - b)
      return [
        {
          subscription: rows.subscription,
          now: now(),
          nodes: nodes.map(([run, { consumers, lives }]) => ({ run, consumers, lives })),
          shares: shares.map(([share, { run, token, until }]) => ({ share, run: until > now() ? run : "", token }))
        }
      ]
    }

    const claim = (run: string, id: string, share: number, until: number): ReadonlyArray<Claimed> => {
      const rows = tables.all.get(id)
      const held = rows?.shares.get(share)
      if (rows === undefined || held === undefined || (held.until > now() && held.run !== run)) return []
      const next = held.token + 1n
      const token = next > BigInt(Math.floor(now())) ? next : BigInt(Math.floor(now()))
      Object.assign(held, { run, token, until })
      const cursors = [...rows.cursors.values()].filter((row) => row.share === share)
      cursors.sort((a, b) => a.slice.partition - b.slice.partition || a.slice.from - b.slice.from)
      for (const row of cursors) Object.assign(row, { token, version: 0 })
      const { epoch } = rows.subscription
      return [{ id, epoch, share, token, cursors: cursors.map(({ slice, saved }) => ({ slice, saved })) }]
    }

    return CursorStore.of({
      attend: (run, attending, lasts) =>
        Effect.sync(() => {
          const consumers = new Map(attending.map((one) => [one.id, one.consumers]))
          for (const [id, rows] of tables.all) {
            if ((consumers.get(id) ?? 0) === 0) rows.nodes.delete(run)
            const until = now() + lasts
            for (const held of rows.shares.values())
              if (held.run === run) held.until = consumers.has(id) ? until : Math.min(held.until, until)
          }
          for (const one of attending) attend(run, one, now() + lasts)
          const ids = [...consumers.keys()].sort((a, b) => Number(a) - Number(b))
          return ids.flatMap(standing)
        }),
      enter: (run, one, lasts) =>
        Effect.sync(() => {
          attend(run, one, now() + lasts)
          return standing(one.id)[0]
        }),
      claim: (run, shares, lasts) =>
        Effect.sync(() => shares.flatMap(({ id, share }) => claim(run, id, share, now() + lasts))),
      flush: (cursors) =>
        Effect.sync(() => {
          const more = new Map<string, number>()
          for (const { id, slice, letters } of cursors) {
            const there = tables.all.get(id)?.letters
            const fresh = letters.filter((letter) => there?.has(letterKey(slice, letter)) !== true)
            more.set(id, (more.get(id) ?? 0) + fresh.length)
          }
          const full = [...more].filter(
            ([id, count]) => tables.all.has(id) && tables.isFull(tables.all.get(id)!, count)
          )
          const isFull = new Set(full.map(([id]) => id))
          const lost = cursors.flatMap((one, place) => (isFull.has(one.id) || tables.flush(one, now()) ? [] : [place]))
          return { lost, full: [...isFull] }
        }),
      give: (run, shares) =>
        Effect.sync(() => {
          for (const { id, share, token } of shares) {
            const held = tables.all.get(id)?.shares.get(share)
            if (held?.run === run && held.token === token)
              Object.assign(held, { run: "", token: token + 1n, until: now() })
          }
        })
    })
  })
)
