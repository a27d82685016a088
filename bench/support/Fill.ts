/**
 * A database that looks as after years: rows made by set-based SQL, as Herald itself would have left them (no gaps in the log, every head
 * in history, deliveries of revisions that exist). For a database that nobody else writes to; each statement commits by itself. Call
 * `analyze` when all is filled. A Herald that runs must be started after keys or revisions were filled.
 */

/** `Session` of test/support/Database.ts: one statement a call, without a time limit. */
export interface Database {
  readonly query: (statement: string) => Promise<ReadonlyArray<Record<string, unknown>>>
}

export interface KeysOptions {
  readonly keys: number
  /** Keys are named `<prefix>.k0000000`, prefixes take turns. */
  readonly prefixes?: ReadonlyArray<string>
  readonly environment?: string
  /** Characters of each value, which is text. */
  readonly valueLength?: number
}

export interface RevisionsOptions {
  readonly revisions: number
  /** The one key that they change. */
  readonly key?: string
  readonly environment?: string
  readonly valueLength?: number
  /** Their commits are spread evenly from so many days ago to now. */
  readonly days?: number
}

export interface InstancesOptions {
  readonly instances: number
  /** Of them; the others left, evenly over the last `days`. */
  readonly connected?: number
  readonly environment?: string
  readonly service?: string
  /** The life of a server process that the connected are at; "" is one of long ago. */
  readonly run?: string
  readonly days?: number
}

const CHANGES = 500
const ACTOR = "fill"
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

/** The configuration of a row `c`, as revisions carry it. */
const PAYLOAD = `jsonb_build_object('key', c.key, 'environment', c.environment, 'version', c.version, 'revision', c.revision::text, 'value', c.value,
  'valueType', c.value_type, 'deleted', c.deleted, 'schema', c.schema_definition, 'strict', c.strict, 'template', c.template, 'digest', c.digest,
  'createdAt', herald_millis(c.created_at), 'updatedAt', herald_millis(c.updated_at), 'updatedBy', c.updated_by, 'changeLog', c.change_log)`

const COLUMNS = `key, environment, version, revision, value, value_type, deleted, strict, template, digest, created_at, updated_at, updated_by, change_log`

const REVISION = "revision, epoch, payload, bytes, traceparent, actor, message, committed_at, audit_id, commit_id"

const numberOf = async (database: Database, expression: string): Promise<number> =>
  Number((await database.query(`select (${expression})::text as n`))[0]!["n"])

/** Revisions up to `last` can be written. */
const room = async (database: Database, last: number): Promise<void> => {
  const [found] = await database.query("select to_regproc('herald_make_room') is not null as partitioned")
  if (found!["partitioned"] === true) await database.query(`select herald_make_room(${last})`)
}

const batches = async (rows: number, size: number, work: (from: number, to: number) => Promise<unknown>) => {
  for (let from = 0; from < rows; from += size) await work(from, Math.min(rows, from + size))
}

/** New keys, version 1, in releases of 500. */
export const fillKeys = async (database: Database, options: KeysOptions): Promise<void> => {
  const { keys, prefixes = ["fill"], environment = "production", valueLength = 100 } = options
  const head = await numberOf(database, "select coalesce(max(revision), 0) from revisions")
  await room(database, head + Math.ceil(keys / CHANGES))
  const before = await numberOf(database, `select count(*) from configurations where updated_by = '${ACTOR}'`)
  const names = `(array[${prefixes.map(literal).join(", ")}])[n % ${prefixes.length} + 1] || '.k' || lpad((${before} + n)::text, 7, '0')`
  await batches(keys, 50_000, async (from, to) => {
    await database.query(`
      with c as (
        insert into configurations (${COLUMNS})
        select ${names}, ${literal(environment)}, 1, ${head} + n / ${CHANGES} + 1, v.value, 'string', false, false, false,
          encode(sha256(convert_to(v.value, 'UTF8')), 'hex'), v.at, v.at, '${ACTOR}', ''
        from generate_series(${from}, ${to - 1}) n,
          lateral (select rpad(n::text || '.', ${valueLength}, 'x') as value, date_trunc('milliseconds', clock_timestamp()) as at) v
        returning *
      ), history as (
        insert into configuration_history (${COLUMNS}) select ${COLUMNS} from c
      )
      insert into revisions (${REVISION})
      select revision, (select epoch from herald_epoch), jsonb_agg(${PAYLOAD}), sum(length(value) + 300), '', '${ACTOR}', 'filled',
        max(updated_at), 0, '~fill' || revision
      from c group by revision`)
  })
}

/** Versions of one key, a revision each: the log and the history grow, the registry does not. */
export const fillRevisions = async (database: Database, options: RevisionsOptions): Promise<void> => {
  const { revisions, key = "fill.revisions", environment = "production", valueLength = 100, days = 30 } = options
  const head = await numberOf(database, "select coalesce(max(revision), 0) from revisions")
  const of = `environment = ${literal(environment)} and key = ${literal(key)}`
  const version = await numberOf(database, `select coalesce(max(version), 0) from configurations where ${of}`)
  await room(database, head + revisions)
  const seconds = (days * 86_400) / revisions
  await batches(revisions, 50_000, async (from, to) => {
    await database.query(`
      with c as (
        insert into configuration_history (${COLUMNS})
        select ${literal(key)}, ${literal(environment)}, ${version} + n + 1, ${head} + n + 1, v.value, 'string', false, false, false,
          encode(sha256(convert_to(v.value, 'UTF8')), 'hex'), v.at, v.at, '${ACTOR}', ''
        from generate_series(${from}, ${to - 1}) n, lateral (select rpad(n::text || '.', ${valueLength}, 'x') as value,
          date_trunc('milliseconds', clock_timestamp() - make_interval(secs => ${seconds} * (${revisions} - n))) as at) v
        returning *
      )
      insert into revisions (${REVISION})
      select revision, (select epoch from herald_epoch), jsonb_build_array(${PAYLOAD}), length(value) + 300, '', '${ACTOR}', 'filled',
        updated_at, 0, '~fill' || revision
      from c`)
  })
  await database.query(`
    insert into configurations (${COLUMNS}) select ${COLUMNS} from configuration_history where ${of} order by version desc limit 1
    on conflict (environment, key) do update set version = excluded.version, revision = excluded.revision, value = excluded.value,
      digest = excluded.digest, updated_at = excluded.updated_at`)
}

/** Instances with random names, as a fleet leaves them that names each process anew. */
export const fillInstances = async (database: Database, options: InstancesOptions): Promise<void> => {
  const { instances, connected = 0, environment = "production", service = "fill", run = "", days = 30 } = options
  const session = run === "" ? "''" : `${literal(`${run}/`)} || n`
  await batches(instances, 100_000, async (from, to) => {
    await database.query(`
      insert into instances (environment, service, instance, state, labels, patterns, connected_at, last_seen, ending, node, session)
      select ${literal(environment)}, ${literal(service)}, gen_random_uuid()::text, case when here then 'connected' else 'disconnected' end,
        '{"zone": "a"}', jsonb_build_array('fill.*'), at, at, case when here then '' else 'closed' end, 'fill', ${session}
      from (
        select n, n < ${connected} as here,
          clock_timestamp() - case when n < ${connected} then interval '0' else make_interval(secs => ${days * 86_400} * random()) end as at
        from generate_series(${from}, ${to - 1}) n
      ) made`)
  })
}

/** Deliveries of the newest revisions to `clients` instances that exist, one key, all applied; the newest of each is in `instance_keys`. */
export const fillDeliveries = async (
  database: Database,
  options: { readonly deliveries: number; readonly clients?: number; readonly key?: string }
): Promise<void> => {
  const { deliveries, clients = 1_000, key = "fill.revisions" } = options
  const head = await numberOf(database, "select coalesce(max(revision), 0) from revisions")
  const each = Math.ceil(deliveries / clients)
  if (each > head)
    throw new Error(`${deliveries} deliveries to ${clients} clients need ${each} revisions, there are ${head}`)
  const chosen = `select id as instance_id from instances order by id limit ${clients}`
  const row = `${literal(key)}, r.revision, r.revision::integer, 'applied', '', r.committed_at, r.committed_at`
  const columns = "instance_id, key, revision, version, state, reason, sent_at, answered_at"
  await batches(each, Math.max(1, Math.floor(500_000 / clients)), async (from, to) => {
    await database.query(`
      insert into deliveries (${columns})
      select i.instance_id, ${row} from revisions r cross join (${chosen}) i
      where r.revision > ${head - each + from} and r.revision <= ${head - each + to} order by r.revision, i.instance_id`)
  })
  // Before migration 0017 there was one revision of a key and no epoch.
  const facts = await numberOf(
    database,
    "select count(*) from information_schema.columns where table_name = 'instance_keys' and column_name = 'applied_epoch'"
  )
  const [told, known] =
    facts === 0
      ? [columns, row]
      : [
          "instance_id, key, sent_epoch, sent_revision, sent_version, sent_at, applied_epoch, applied_revision, applied_version, applied_at",
          `${literal(key)}, r.epoch, r.revision, r.revision::integer, r.committed_at, r.epoch, r.revision, r.revision::integer, r.committed_at`
        ]
  await database.query(`
    insert into instance_keys (${told})
    select i.instance_id, ${known} from revisions r cross join (${chosen}) i where r.revision = ${head} on conflict do nothing`)
}

/**
 * Entries of the hash chain for every version of the history that has none, so that a check of the log finds all as it says; then `entries`
 * more. Call it after keys and revisions were filled, before a Herald publishes.
 */
export const fillAudit = async (database: Database, options: { readonly entries: number }): Promise<void> => {
  const append = (rows: string) => `
    do $do$ declare r record; last record; at timestamptz := date_trunc('milliseconds', clock_timestamp()); h text; begin
      perform herald_lock();
      select * into last from herald_last_audit();
      for r in ${rows} loop
        h := herald_audit_hash(last.hash, last.id + 1, r.config_id, r.action, '${ACTOR}', r.details, at);
        insert into audit_log values (last.id + 1, r.config_id, r.action, '${ACTOR}', r.details, at, last.hash, h);
        last.id := last.id + 1;
        last.hash := h;
      end loop;
    end $do$`
  const told = await numberOf(
    database,
    "select coalesce(max((details->>'revision')::bigint), 0) from audit_log where details ? 'revision'"
  )
  const head = await numberOf(database, "select coalesce(max(revision), 0) from configuration_history")
  await batches(Math.max(0, head - told), 20_000, (from, to) =>
    database.query(
      append(`select environment || '/' || key as config_id, 'publish' as action, jsonb_build_object('version', version, 'revision',
        revision::text, 'message', change_log, 'digest', herald_change_digest(row(c.*)::configurations)) as details
        from configuration_history c where revision > ${told + from} and revision <= ${told + to} order by revision, key`)
    )
  )
  // A revision names the last of the entries that tell of it.
  await database.query(`
    update revisions n set audit_id = a.id
    from (select (details->>'revision')::bigint as revision, max(id) as id from audit_log where details ? 'revision' group by 1) a
    where a.revision = n.revision and n.audit_id = 0`)
  await batches(options.entries, 50_000, (from, to) =>
    database.query(
      append(`select 'production/fill' as config_id, 'client.connect' as action, jsonb_build_object('n', n) as details
        from generate_series(${from + 1}, ${to}) n`)
    )
  )
}

/** What the planner knows and index-only scans need; autovacuum would do it within a minute. */
export const analyze = async (database: Database): Promise<void> => {
  for (const table of ["configurations", "revisions", "deliveries", "instances", "instance_keys", "audit_log"])
    await database.query(`vacuum analyze ${table}`)
}
