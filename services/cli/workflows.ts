import type { Api } from './api.ts'
import { naming, type PlannedChange, type SourceFile } from './apply-files.ts'

export type Workflow = {
  readonly workflow: string
  readonly version: string
  readonly title: string
  readonly summary: string
  readonly enabled: boolean
  readonly schedule?: unknown
  readonly timeZone?: string
  readonly changedAt: string
}

type Applied = {
  readonly workflow: string
  readonly version: string
  readonly outcome: 'defined' | 'revised' | 'unchanged'
  readonly position: string
}

const OUTCOMES = { defined: 'new', revised: 'changed', unchanged: 'unchanged' } as const

export function pathOf(workflow: string): string {
  return `/v1/workflows/${encodeURIComponent(workflow)}`
}

export async function sourceOf(api: Api, workflow: string, version?: string): Promise<string> {
  return (await api.open(`${pathOf(workflow)}/source`, { version }, {})).text()
}

/**
 * What a file would change; nothing is changed.
 *
 * @throws {CliError} which names the file.
 */
export async function planWorkflow(
  api: Api,
  { file, text }: SourceFile,
  enabled: boolean,
): Promise<PlannedChange> {
  const applied = await naming(file, () => apply(api, text, { enabled, dryRun: true }))
  const before = applied.outcome === 'revised' ? await sourceOf(api, applied.workflow) : ''
  return {
    file,
    subject: `workflow ${applied.workflow} ${applied.version}`,
    outcome: OUTCOMES[applied.outcome],
    before,
    after: text,
    perform: () => naming(file, () => apply(api, text, { enabled, dryRun: false })),
  }
}

function apply(
  api: Api,
  text: string,
  query: { readonly enabled: boolean; readonly dryRun: boolean },
): Promise<Applied> {
  return api.postText<Applied>('/v1/workflows', text, 'application/yaml', query)
}
