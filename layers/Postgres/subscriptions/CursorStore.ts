/** Keeps how far subscriptions are in PostgreSQL, by the functions of migration 0037. */
import { Effect, Layer } from "effect"
import {
  type Attending,
  type Claimed,
  CursorStore,
  type Flush,
  type Standing,
  TOLD
} from "../../../src/subscriptions/CursorStore.ts"
import { DEAD_LETTERS } from "../../../src/subscriptions/DeadLetter.ts"
import { failedOf, failedText } from "../../../src/subscriptions/SavedCursor.ts"
import { guarded, refusing } from "../connection/Failure.ts"
import { Pools } from "../connection/Pools.ts"
import { millis } from "../leases/Fence.ts"

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")

type StandingRow = Omit<Standing, "shares"> & {
  readonly shares?: ReadonlyArray<number>
  readonly runs?: ReadonlyArray<string>
  readonly tokens?: ReadonlyArray<string>
}

interface CursorRow {
  readonly partition: number
  readonly from: number
  readonly to: number
  readonly logEpoch: number
  readonly floor: number
  readonly ranges: string
  readonly failed: string
  readonly mark: number
  readonly clean: boolean
}

type ClaimedRow = Omit<Claimed, "token" | "cursors"> & {
  readonly token: string
  readonly cursors: ReadonlyArray<CursorRow>
}

const claimedOf = ({ token, cursors, ...row }: ClaimedRow): Claimed => ({
  ...row,
  token: BigInt(token),
  cursors: cursors.map(({ partition, from, to, ranges, failed, ...saved }) => ({
    slice: { partition, from, to },
    saved: { ...saved, ranges: new Uint8Array(Buffer.from(ranges, "base64")), failed: failedOf(failed) }
  }))
})

const attendedText = (attending: ReadonlyArray<Attending>): string =>
  JSON.stringify(
    attending.map(({ id, consumers, lives, isBehind = false, stamp }) => [id, consumers, lives, isBehind, stamp])
  )

const encode = (flushes: ReadonlyArray<Flush>) => {
  const cursors = flushes.map(({ id, slice: { partition, from }, token, version, saved }) => ({
    ...{ id, partition, from, token: String(token), version, ...saved },
    ...{ ranges: base64(saved.ranges), failed: failedText(saved.failed) }
  }))
  const letters = flushes.flatMap(({ id, slice: { partition, from }, token, letters }) =>
    letters.map((letter) => ({ ...letter, id, partition, from, token: String(token), event: base64(letter.event) }))
  )
  return { cursors: JSON.stringify(cursors), letters: JSON.stringify(letters) }
}

const nameOf = ({ id, partition, from }: { readonly id: string; readonly partition: number; readonly from: number }) =>
  `${id}/${partition}/${from}`

export const layer = Layer.effect(
  CursorStore,
  Effect.map(Pools, ({ writes, other: sql }) => {
    const attend = (run: string, attending: ReadonlyArray<Attending>, lasts: number, alone: boolean) =>
      Effect.map(
        guarded("attend subscriptions")(sql<{ standings: ReadonlyArray<StandingRow> }>`
          select herald_subscriptions_attend(${run}, ${attendedText(attending)}::text::jsonb,
            ${millis(lasts)}::interval, ${alone}, ${TOLD}::int) as standings`),
        ([row]) =>
          row!.standings.map(({ shares, runs, tokens, ...standing }) => ({
            ...standing,
            ...(shares && {
              shares: shares.map((share, n) => ({ share, run: runs![n]!, token: BigInt(tokens![n]!) }))
            })
          }))
      )
    return CursorStore.of({
      attend: (run, attending, lasts) => attend(run, attending, lasts, false),
      enter: (run, one, lasts) => Effect.map(attend(run, [one], lasts, true), ([standing]) => standing),
      claim: (run, shares, lasts) =>
        Effect.map(
          guarded("claim shares of subscriptions")(sql<{ claimed: ReadonlyArray<ClaimedRow> }>`
            select herald_cursors_claim(${run}, ${JSON.stringify(shares.map(({ id, share }) => [id, share]))}::text::jsonb,
              ${millis(lasts)}::interval) as claimed`),
          ([row]) => row!.claimed.map(claimedOf)
        ),
      flush: (flushes) => {
        const { cursors, letters } = encode(flushes)
        return Effect.mapBoth(
          guarded("write how far subscriptions are")(writes<{
            flushed: {
              lost: ReadonlyArray<Pick<CursorRow, "partition" | "from"> & { id: string }>
              full: ReadonlyArray<string>
              locked: ReadonlyArray<string>
            }
          }>`
            select herald_cursors_flush(${cursors}::text::jsonb, ${letters}::text::jsonb, ${DEAD_LETTERS}::int) as flushed`),
          {
            onFailure: refusing,
            onSuccess: ([row]) => {
              const { lost, full, locked } = row!.flushed
              const names = new Set(lost.map(nameOf))
              const places = flushes.flatMap(({ id, slice }, place) =>
                names.has(nameOf({ id, ...slice })) ? [place] : []
              )
              return { lost: places, full, locked }
            }
          }
        )
      },
      give: (run, shares) =>
        Effect.asVoid(
          guarded("give shares of subscriptions up")(sql`
            select herald_cursors_give(${run},
              ${JSON.stringify(shares.map(({ id, share, token }) => [id, share, String(token)]))}::text::jsonb)`)
        )
    })
  })
)
