import type { WorkflowDocument } from './document.ts'
import { isCall, type Task } from './document-tasks.ts'

/** What a call authenticates with: the name of a secret, never its value. */
export type Credentials = { readonly scheme: 'basic' | 'bearer'; readonly secret: string }

type Authentication = NonNullable<NonNullable<WorkflowDocument['use']>['authentications']>[string]
type Given = Authentication | { readonly use: string }

/** The member `authentication` of a call, where there is one. */
export function authenticationOf(task: Task): Given | undefined {
  if (isCall(task, 'openapi')) return task.with.authentication
  if (!isCall(task, 'http')) return undefined
  const { endpoint } = task.with
  return typeof endpoint === 'object' ? endpoint.authentication : undefined
}

/**
 * As the document has it: no data of a run chooses a secret.
 *
 * @returns undefined when it names no secret of the document for `basic` or `bearer`.
 */
export function credentialsIn(
  { use = {} }: WorkflowDocument,
  given: Given,
): Credentials | undefined {
  const policy = 'use' in given ? use.authentications?.[given.use] : given
  if (policy === undefined) return undefined
  for (const scheme of ['basic', 'bearer'] as const) {
    const named = (policy as Readonly<Record<string, unknown>>)[scheme]
    const { use: secret } = (named ?? {}) as { readonly use?: unknown }
    if (typeof secret === 'string' && use.secrets?.includes(secret)) return { scheme, secret }
  }
  return undefined
}
