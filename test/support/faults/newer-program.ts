import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TSchema, Type } from 'typebox'
import { UsageTrackedV1 } from '../../../domain/analytics/events.ts'
import { eventCatalogue } from '../../../domain/event-catalogue.ts'
import { createEventCodec, type EventCodec } from '../../../infra/eventstore/codec.ts'
import { newDataDirectory } from '../program.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const SOURCES = ['domain', 'projections', 'services', 'infra', 'package.json', 'tsconfig.json']

/** What a release that adds a member to an event changes in the sources. */
const CHANGES: readonly (readonly [file: string, from: string, to: string])[] = [
  [
    'domain/analytics/events.ts',
    'firstVersion(UsageTrackedV1)',
    `{
  versions: [
    UsageTrackedV1,
    Type.Object(
      { ...UsageTrackedV1.properties, channel: Type.String() },
      { $id: 'analytics.UsageTracked.v2', additionalProperties: false },
    ),
  ] as const,
  upcasters: [(data: Readonly<Record<string, unknown>>) => ({ ...data, channel: 'unknown' })],
}`,
  ],
  [
    'services/analytics/track.ts',
    'return { ...rest, occurredAt,',
    "return { ...rest, channel: 'api', occurredAt,",
  ],
]

/** The sources of a program that is one release newer: it writes uses in a second version. @returns where they are. */
export function newerProgram(t: {
  readonly teardown: (remove: () => Promise<void>) => void
}): string {
  const root = newDataDirectory(t)
  for (const each of SOURCES)
    cpSync(path.join(ROOT, each), path.join(root, each), { recursive: true })
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'))
  for (const [file, from, to] of CHANGES) {
    const before = readFileSync(path.join(root, file), 'utf8')
    if (!before.includes(from)) throw new Error(`${file} has no "${from}" any more.`)
    writeFileSync(path.join(root, file), before.replace(from, to))
  }
  return root
}

/** Reads what both programs write, as the newer one does. */
export function newerCodec(): EventCodec {
  const v2 = Type.Object({ ...UsageTrackedV1.properties, channel: Type.String() } as Record<
    string,
    TSchema
  >)
  const UsageTracked = {
    versions: [UsageTrackedV1, v2] as const,
    upcasters: [(data: Readonly<Record<string, unknown>>) => ({ ...data, channel: 'unknown' })],
  }
  const catalogue = { ...eventCatalogue, analytics: { ...eventCatalogue.analytics, UsageTracked } }
  return createEventCodec({ now: () => new Date(), catalogue })
}
