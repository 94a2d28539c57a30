import t from 'tap'
import {
  activeVersion,
  followInstallation,
  NOT_INSTALLED,
} from '../../../domain/gateway/active-version.ts'
import type { Configuration, InstallerEvent, Runtime } from '../../../domain/installer/events.ts'

const installationId = '11111111-1111-4111-8111-111111111111'
const attemptId = '22222222-2222-4222-8222-222222222222'
const at = '2026-01-02T03:04:05.000Z'
const runtime = (url: string): Runtime => ({ kind: 'remote', url })
const configuration = (name: string): Configuration => ({
  environment: { name },
  arguments: [],
  secretNames: [],
  network: 'none',
})

const requested: InstallerEvent = {
  type: 'InstallationRequested',
  data: {
    installationId,
    attemptId,
    sourceId: 's',
    serverName: 'io.example/x',
    version: '1.0.0',
    target: { kind: 'remote', url: 'https://one.example' },
    configuration: configuration('first'),
    requestedAt: at,
  },
}
const installed: InstallerEvent = {
  type: 'ServerInstalled',
  data: {
    installationId,
    attemptId,
    version: '1.0.0',
    runtime: runtime('https://one.example'),
    tools: [],
    installedAt: at,
  },
}
const updated = {
  type: 'ServerUpdated',
  data: {
    installationId,
    attemptId,
    from: '1.0.0',
    to: '2.0.0',
    runtime: runtime('https://two.example'),
    tools: [],
    updatedAt: at,
  },
} satisfies InstallerEvent
const reconfigured: InstallerEvent = {
  type: 'ConfigurationChanged',
  data: { installationId, configuration: configuration('second'), changedAt: at },
}
const rolledBack: InstallerEvent = {
  type: 'InstallationRolledBack',
  data: {
    installationId,
    from: '2.0.0',
    to: '1.0.0',
    runtime: runtime('https://one.example'),
    configuration: configuration('first'),
    tools: [],
    rolledBackAt: at,
  },
}
const failedUpdate: InstallerEvent = {
  type: 'ServerUpdateFailed',
  data: {
    installationId,
    attemptId,
    from: '1.0.0',
    to: '2.0.0',
    stage: 'verify',
    code: 'x',
    cause: 'x',
    failedAt: at,
  },
}
const uninstalled: InstallerEvent = {
  type: 'ServerUninstalled',
  data: { installationId, version: '1.0.0', uninstalledAt: at },
}

const after = (...events: readonly InstallerEvent[]) =>
  activeVersion(installationId, events.reduce(followInstallation, NOT_INSTALLED))

t.test('an update brings the configuration that it was asked with, if it says one', async (t) => {
  const fold = (...events: InstallerEvent[]) => events.reduce(followInstallation, NOT_INSTALLED)
  const withAnother: InstallerEvent = {
    ...updated,
    data: { ...updated.data, configuration: configuration('of two') },
  }
  t.match(fold(requested, installed, withAnother).configuration, {
    environment: { name: 'of two' },
  })
  t.match(fold(requested, installed, updated).configuration, { environment: { name: 'first' } })
})

t.test('nothing is active before the first install has succeeded', async (t) => {
  t.equal(after(), undefined)
  t.equal(after(requested), undefined)
})

t.test('calls go to the installed version with its configuration', async (t) => {
  t.match(after(requested, installed), {
    serverName: 'io.example/x',
    version: '1.0.0',
    runtime: { url: 'https://one.example' },
    configuration: { environment: { name: 'first' } },
  })
})

t.test('an update changes the version and keeps the configuration', async (t) => {
  t.match(after(requested, installed, reconfigured, updated), {
    version: '2.0.0',
    runtime: { url: 'https://two.example' },
    configuration: { environment: { name: 'second' } },
  })
})

t.test('a rollback returns to version and configuration', async (t) => {
  t.match(after(requested, installed, reconfigured, updated, rolledBack), {
    version: '1.0.0',
    runtime: { url: 'https://one.example' },
    configuration: { environment: { name: 'first' } },
  })
})

t.test('a failed update changes nothing, so that nothing is restarted for it', async (t) => {
  t.same(after(requested, installed, failedUpdate), after(requested, installed))
})

t.test('every change of what runs raises the generation', async (t) => {
  const history = [requested, installed, reconfigured, updated, rolledBack]
  const generations = history.slice(1).map((_, index) => after(...history.slice(0, index + 2)))
  const numbers = generations.map((version) => version?.generation ?? 0)
  t.same(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
  )
})

t.test('an uninstalled server is not active', async (t) => {
  t.equal(after(requested, installed, uninstalled), undefined)
})
