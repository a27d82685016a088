/**
 * Every setting: its name in the environment, its place in the file, what it may be, its default. They stand beside their capability, in
 * its `Settings.ts`; `Groups.ts` lists those files. Pure.
 *
 *   SC1  Connections with TLS (rediss://, KAFKA_TLS, sslmode=require and above) trust the authorities that Node knows and those of
 *        NODE_EXTRA_CA_CERTS, nothing else, and check the server's name.
 *   SC2  A Redis, Kafka or PostgreSQL that refuses this server, or is refused, is named in the log with the reason and without a password.
 *   Q1  Each setting has both a name in the environment and a place in the file; the environment wins.
 */
import { groups } from "./Groups.ts"
import { type AnySetting, type Every, listOf, type ShapeOf } from "./Setting.ts"

/** As the options of what is made from them. */
export type Settings = ShapeOf<typeof groups>

/** Before it is known which groups are there. */
export type EverySetting = Every<typeof groups>

/** Q1: the whole list, in the order of their places. */
export const settings: ReadonlyArray<AnySetting> = listOf(groups).toSorted((a, b) => (a.path < b.path ? -1 : 1))
