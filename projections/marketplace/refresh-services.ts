import { sql, type Transaction } from 'kysely'
import type { CatalogueTables } from '../registry/catalogue-tables.ts'
import { type ServiceDocument, serviceDocument } from './service-document.ts'

type Trx = Transaction<CatalogueTables>
type ServerKey = { readonly tenant_id: string; readonly name: string }
type Words = ServerKey & { readonly words: readonly string[] }

/** In the words of every service: so the count of the empty word is that of the services. */
const EVERY_SERVICE = ''

/** Writes the services of the given names anew from the catalogue's entries, and the words' counts with them. */
export async function refreshServices(trx: Trx, servers: readonly ServerKey[]): Promise<void> {
  const keys = JSON.stringify(servers)
  const before = await wordsBefore(trx, keys)
  const standing = await standingEntries(trx, keys)
  const services = standing.map(({ entry, ...row }) => ({
    ...row,
    ...snakeCase(serviceDocument(row.name, JSON.parse(entry))),
  }))
  await removeGone(trx, keys)
  await putServices(trx, services)
  await countWords(trx, before, services)
}

async function wordsBefore(trx: Trx, keys: string): Promise<Words[]> {
  const { rows } = await sql<Words>`
    select s.tenant_id, s.name, s.words
    from json_to_recordset(${keys}::json) as t (tenant_id text, name text)
    join services s on (s.tenant_id, s.name) = (t.tenant_id, t.name)`.execute(trx)
  return rows
}

type Standing = ServerKey & {
  readonly source_id: string
  readonly version: string
  readonly entry: string
  readonly status: string
  readonly problems: readonly string[]
  readonly published_at: string | null
  readonly updated_at: string
  readonly versions: number
}

/** Instants as text: a `Date` would lose the microseconds. */
async function standingEntries(trx: Trx, keys: string): Promise<Standing[]> {
  const { rows } = await sql<Standing>`
    select e.tenant_id, e.name, e.source_id, e.version, e.entry, e.status, e.problems,
      e.published_at::text, e.updated_at::text,
      (select count(*)::int from catalogue_entries v
        where v.tenant_id = e.tenant_id and v.name = e.name and v.winner) as versions
    from json_to_recordset(${keys}::json) as t (tenant_id text, name text)
    join catalogue_entries e on (e.tenant_id, e.name) = (t.tenant_id, t.name) and e.latest
  `.execute(trx)
  return rows
}

function snakeCase(document: ServiceDocument) {
  const { packageTypes, repositoryUrl, websiteUrl, ...rest } = document
  return {
    ...rest,
    package_types: packageTypes,
    repository_url: repositoryUrl,
    website_url: websiteUrl,
  }
}

async function removeGone(trx: Trx, keys: string): Promise<void> {
  await sql`
    delete from services s
    using json_to_recordset(${keys}::json) as t (tenant_id text, name text)
    where (s.tenant_id, s.name) = (t.tenant_id, t.name) and not exists (
      select from catalogue_entries e
      where e.tenant_id = s.tenant_id and e.name = s.name and e.latest)`.execute(trx)
}

async function putServices(trx: Trx, services: readonly object[]): Promise<void> {
  if (services.length === 0) return
  await sql`
    insert into services (tenant_id, name, source_id, version, title, description, status,
      package_types, transports, tags, repository_url, website_url, published_at, updated_at,
      problems, versions, words, search)
    select tenant_id, name, source_id, version, title, description, status,
      array(select json_array_elements_text(package_types)),
      array(select json_array_elements_text(transports)),
      array(select json_array_elements_text(tags)), repository_url, website_url, published_at,
      updated_at, array(select json_array_elements_text(problems)), versions,
      array(select json_array_elements_text(words)), search::tsvector
    from json_to_recordset(${JSON.stringify(services)}::json) as x (tenant_id text, name text,
      source_id text, version text, title text, description text, status text,
      package_types json, transports json, tags json, repository_url text, website_url text,
      published_at timestamptz, updated_at timestamptz, problems json, versions int, words json,
      search text)
    on conflict (tenant_id, name) do update set source_id = excluded.source_id,
      version = excluded.version, title = excluded.title, description = excluded.description,
      status = excluded.status, package_types = excluded.package_types,
      transports = excluded.transports, tags = excluded.tags,
      repository_url = excluded.repository_url, website_url = excluded.website_url,
      published_at = excluded.published_at, updated_at = excluded.updated_at,
      problems = excluded.problems, versions = excluded.versions, words = excluded.words,
      search = excluded.search`.execute(trx)
}

async function countWords(
  trx: Trx,
  before: readonly Words[],
  after: readonly Words[],
): Promise<void> {
  const changes = [...wordChanges(before, after)].map(([key, change]) => {
    const slash = key.indexOf('/')
    return { tenant_id: key.slice(0, slash), word: key.slice(slash + 1), change }
  })
  if (changes.length === 0) return
  await sql`
    insert into service_words (tenant_id, word, services)
    select tenant_id, word, change from json_to_recordset(${JSON.stringify(changes)}::json)
      as x (tenant_id text, word text, change int)
    on conflict (tenant_id, word) do update
      set services = service_words.services + excluded.services`.execute(trx)
  const lost = changes.filter(({ change }) => change < 0)
  if (lost.length === 0) return
  await sql`
    delete from service_words w
    using json_to_recordset(${JSON.stringify(lost)}::json) as x (tenant_id text, word text)
    where (w.tenant_id, w.word) = (x.tenant_id, x.word) and w.services = 0`.execute(trx)
}

/** By how much each word's count moves, without those that stay; keys are `tenant/word`. */
export function wordChanges(
  before: readonly Words[],
  after: readonly Words[],
): ReadonlyMap<string, number> {
  const changes = new Map<string, number>()
  const count = (services: readonly Words[], by: 1 | -1) => {
    for (const { tenant_id, words } of services)
      for (const word of [EVERY_SERVICE, ...words]) {
        const key = `${tenant_id}/${word}`
        changes.set(key, (changes.get(key) ?? 0) + by)
      }
  }
  count(before, -1)
  count(after, 1)
  for (const [key, change] of changes) if (change === 0) changes.delete(key)
  return changes
}
