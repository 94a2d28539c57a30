import type { Generated } from 'kysely'

/** Text of a third party, kept as it came; every other column follows from it or from the log. */
export interface CatalogueTables {
  /** One row for each version of each server in each source; what left a source stays, with `present` false. */
  catalogue_entries: {
    tenant_id: string
    source_id: string
    name: string
    version: string
    present: boolean
    content_hash: string
    /** Of the entry's stream. */
    revision: bigint
    /** Of the entry's newest event. */
    position: bigint
    /** JSON; null when it left the source. */
    entry: string | null
    problems: string[]
    status: string
    /** What the upstream says. */
    is_latest: boolean
    published_at: Date | null
    updated_at: Date
    /** Sorts as text like the versions do. */
    version_key: string
    /** The oldest source that lists this name and version. */
    winner: Generated<boolean>
    /** The winner that stands for the server. */
    latest: Generated<boolean>
  }
  catalogue_sources: {
    tenant_id: string
    source_id: string
    /** The age of a source decides which of two sources is believed. */
    position: bigint | null
    /** Of the newest event of any of its entries; 0 when there is none. */
    entries_position: bigint
  }
  /** One row for each server: its latest version. */
  services: {
    tenant_id: string
    name: string
    source_id: string
    version: string
    title: string | null
    description: string
    status: string
    package_types: string[]
    transports: string[]
    tags: string[]
    repository_url: string | null
    website_url: string | null
    published_at: Date | null
    updated_at: Date
    problems: string[]
    versions: number
    /** Distinct search words. */
    words: string[]
    /** `tsvector` of the words, weighted by the field that they come from. */
    search: string
  }
  /** In how many services of the tenant a word occurs; the empty word counts the services. */
  service_words: { tenant_id: string; word: string; services: number }
}
