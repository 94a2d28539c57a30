import t from 'tap'
import type { InstallerEvent } from '../../../domain/installer/events.ts'
import { installations } from '../../../projections/installer/installations.ts'
import { createPlainFold } from '../../../projections/kernel/plain-fold.ts'
import { eventMeta } from '../../support/event-meta.ts'
import {
  attempt,
  installationId,
  installed,
  now,
  npmRuntime,
  plain,
  requested,
  updated,
  updateRequested,
} from '../../support/installation-events.ts'

function rowsAfter(...events: readonly InstallerEvent[]) {
  const fold = createPlainFold(installations.keys)
  for (const event of events)
    fold.apply(installations.changes[event.type]?.(event as never, eventMeta()) ?? [])
  const rows = (table: string) => [...(fold.tables.get(table)?.values() ?? [])]
  return {
    installation: rows('installations')[0],
    stages: rows('installation_stages'),
    versions: rows('installation_versions').map((row) => row.version),
  }
}

const stage = (type: 'InstallationStageStarted', name: 'verify'): InstallerEvent => ({
  type,
  data: { installationId, attemptId: attempt(1), stage: name, startedAt: now },
})

t.test('an installed server shows its version and what it lists', async (t) => {
  t.match(rowsAfter(requested('1.0.0'), installed('1.0.0')), {
    installation: {
      ...{ tenant_id: 'acme', status: 'installed', version: '1.0.0', tools: ['echo'] },
      runtime: npmRuntime(1),
    },
    versions: ['1.0.0'],
  })
})

t.test('a failure is shown at its stage', async (t) => {
  const failed: InstallerEvent = {
    type: 'InstallationFailed',
    data: {
      ...{ installationId, attemptId: attempt(1), stage: 'verify', code: 'verify-timeout' },
      ...{ cause: 'It did not answer.', failedAt: now },
    },
  }
  t.match(rowsAfter(requested('1.0.0'), stage('InstallationStageStarted', 'verify'), failed), {
    installation: { status: 'failed', runtime: null, failure: { code: 'verify-timeout' } },
    stages: [{ stage: 'verify', status: 'failed' }],
  })
})

t.test('an update keeps the old version callable until it is over', async (t) => {
  const before = [requested('1.0.0'), installed('1.0.0'), updateRequested('1.0.0', '1.1.0', 2)]
  t.match(rowsAfter(...before).installation, {
    ...{ status: 'updating', version: '1.0.0', requested_version: '1.1.0' },
    runtime: npmRuntime(1),
  })
  t.match(rowsAfter(...before, updated('1.0.0', '1.1.0', 2)), {
    installation: { status: 'installed', version: '1.1.0', runtime: npmRuntime(2) },
    versions: ['1.0.0', '1.1.0'],
  })
})

t.test('an update shows the configuration that it brings', async (t) => {
  const configuration = { ...plain, environment: { A: 'new' } }
  const before = [requested('1.0.0'), installed('1.0.0'), updateRequested('1.0.0', '1.1.0', 2)]
  t.same(rowsAfter(...before).installation?.configuration, plain)
  const done = updated('1.0.0', '1.1.0', 2)
  t.same(rowsAfter(...before, done).installation?.configuration, plain)
  const { data } = done as Extract<InstallerEvent, { readonly type: 'ServerUpdated' }>
  const rows = rowsAfter(...before, { type: 'ServerUpdated', data: { ...data, configuration } })
  t.same(rows.installation?.configuration, configuration)
})

t.test('a rollback shows the version and the configuration that it went back to', async (t) => {
  const configuration = { ...plain, environment: { A: 'old' } }
  const rolledBack: InstallerEvent = {
    type: 'InstallationRolledBack',
    data: {
      ...{ installationId, from: '1.1.0', to: '1.0.0', runtime: npmRuntime(1), configuration },
      ...{ tools: ['echo'], rolledBackAt: now },
    },
  }
  const before = [requested('1.0.0'), installed('1.0.0'), updated('1.0.0', '1.1.0', 2)]
  t.match(rowsAfter(...before, rolledBack).installation, {
    ...{ version: '1.0.0', runtime: npmRuntime(1), configuration },
  })
})

t.test('an uninstalled server cannot be called', async (t) => {
  const gone: InstallerEvent = {
    type: 'ServerUninstalled',
    data: { installationId, version: '1.0.0', uninstalledAt: now },
  }
  t.match(rowsAfter(requested('1.0.0'), installed('1.0.0'), gone).installation, {
    ...{ status: 'uninstalled', runtime: null },
  })
})
