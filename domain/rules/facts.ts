import { Type } from 'typebox'
import type { RuleEvent } from './rule-event.ts'
import type { Subject, SubjectKind } from './subject.ts'

// What is known of a subject when an event happens: a fold over the log, up to the event and with it.

const instant = Type.String({ format: 'date-time' })
const count = Type.Integer({ minimum: 0 })

const installationFacts = Type.Object({
  id: Type.String(),
  serverName: Type.String(),
  sourceId: Type.String(),
  state: Type.String({ description: 'installing, active, failed or uninstalled' }),
  quarantined: Type.Boolean(),
  version: Type.Optional(Type.String({ description: 'the active one' })),
  previousVersion: Type.Optional(Type.String({ description: 'active before it' })),
  installedAt: Type.Optional(instant),
  updatedAt: Type.Optional(Type.String({ ...instant, description: 'of the last update' })),
})

const statisticsFacts = Type.Object({
  calls: count,
  failures: Type.Integer({ minimum: 0, description: 'calls with another outcome than ok' }),
  callsToday: Type.Integer({ minimum: 0, description: 'by the UTC day of the event' }),
  failuresToday: count,
})

const serviceFacts = Type.Object({
  name: Type.String(),
  sourceId: Type.String(),
  versions: Type.Integer({ minimum: 0, description: 'listed now' }),
  newestVersion: Type.Optional(Type.String({ description: 'the one that was added last' })),
  previousVersion: Type.Optional(Type.String({ description: 'added before it' })),
  installations: Type.Integer({ minimum: 0, description: 'active now' }),
})

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Installation = Mutable<Type.Static<typeof installationFacts>>
type Statistics = Mutable<Type.Static<typeof statisticsFacts>> & { day: string }
type Service = Mutable<Type.Static<typeof serviceFacts>>

/** The members of `facts` that there are for subjects of a kind. */
export function factsSchema(kind: SubjectKind): Readonly<Record<string, Type.TSchema>> {
  switch (kind) {
    case 'installation':
      return {
        installation: installationFacts,
        service: serviceFacts,
        statistics: statisticsFacts,
      }
    case 'service':
      return { service: serviceFacts }
    default:
      return {}
  }
}

const INSTALLATION_TYPES = [
  'InstallationRequested',
  'ServerInstalled',
  'ServerUpdated',
  'InstallationRolledBack',
  'InstallationFailed',
  'ServerUninstalled',
  'ServerQuarantined',
  'QuarantineLifted',
]
const SERVICE_TYPES = [...INSTALLATION_TYPES, 'CatalogueEntryAdded', 'CatalogueEntryRemoved']
const STATISTICS_TYPES = ['InstallationRequested', 'ServerUninstalled', 'ToolCalled']

/** The event types that those facts come from which texts in CEL mention; none when they mention no facts. */
export function factTypes(texts: readonly string[]): readonly string[] {
  const mentioned = (name: string) => texts.some((text) => text.includes(name))
  if (!mentioned('facts')) return []
  const types = [
    ...(mentioned('installation') ? INSTALLATION_TYPES : []),
    ...(mentioned('service') ? SERVICE_TYPES : []),
    ...(mentioned('statistics') ? STATISTICS_TYPES : []),
  ]
  return [...new Set(types)]
}

/** Uninstalled ones are remembered until this many are newer. */
const MAX_UNINSTALLED = 1_000

type FactsData = {
  readonly installations: readonly (readonly [string, Installation, Statistics])[]
  readonly services: readonly (readonly [string, Service])[]
  readonly uninstalled: readonly string[]
}

/** The facts of one tenant's subjects: some hundred bytes for each installation and each service. */
export class Facts {
  readonly #installations = new Map<string, Installation>()
  readonly #statistics = new Map<string, Statistics>()
  readonly #services = new Map<string, Service>()
  readonly #uninstalled: string[] = []

  /** What `facts` is for an event of this subject. JSON. */
  of({ kind, id }: Subject): Readonly<Record<string, unknown>> {
    if (kind === 'service') return { service: this.#services.get(id) }
    if (kind !== 'installation') return {}
    const installation = this.#installations.get(id)
    const service = installation && this.#services.get(serviceOf(installation))
    return { installation, service, statistics: this.#statistics.get(id) }
  }

  apply({ type, data, time }: RuleEvent, { id }: Subject): void {
    switch (type) {
      case 'ToolCalled':
        this.#called(id, data.outcome, time)
        break
      case 'CatalogueEntryAdded':
        this.#listed(id, data)
        break
      case 'CatalogueEntryRemoved':
        this.#unlisted(id)
        break
      case 'InstallationRequested':
        this.#requested(id, data)
        break
      default:
        this.#happened(id, type, data)
    }
  }

  #happened(id: string, type: string, data: RuleEvent['data']): void {
    const installation = this.#installations.get(id)
    if (installation === undefined) return
    const wasActive = installation.state === 'active'
    changeInstallation(installation, type, data)
    this.#countActive(installation, wasActive)
    if (type === 'ServerUninstalled') this.#forgetUninstalled(id)
  }

  #called(id: string, outcome: unknown, time: string): void {
    const day = time.slice(0, 10)
    const known = this.#statistics.get(id)
    const statistics = known ?? { calls: 0, failures: 0, callsToday: 0, failuresToday: 0, day }
    if (known === undefined) this.#statistics.set(id, statistics)
    if (statistics.day !== day) Object.assign(statistics, { day, callsToday: 0, failuresToday: 0 })
    const failed = outcome === 'ok' ? 0 : 1
    statistics.calls += 1
    statistics.callsToday += 1
    statistics.failures += failed
    statistics.failuresToday += failed
  }

  #listed(id: string, { name, sourceId, version }: RuleEvent['data']): void {
    const service = this.#services.get(id) ?? newService(String(name), String(sourceId))
    service.versions += 1
    if (service.newestVersion !== undefined) service.previousVersion = service.newestVersion
    service.newestVersion = String(version)
    this.#services.set(id, service)
  }

  #unlisted(id: string): void {
    const service = this.#services.get(id)
    if (service !== undefined) service.versions = Math.max(0, service.versions - 1)
  }

  #requested(id: string, { serverName, sourceId }: RuleEvent['data']): void {
    this.#installations.set(id, {
      id,
      serverName: String(serverName),
      sourceId: String(sourceId),
      state: 'installing',
      quarantined: false,
    })
    this.#statistics.set(id, { calls: 0, failures: 0, callsToday: 0, failuresToday: 0, day: '' })
  }

  #countActive(installation: Installation, wasActive: boolean): void {
    const isActive = installation.state === 'active'
    if (isActive === wasActive) return
    const key = serviceOf(installation)
    const service =
      this.#services.get(key) ?? newService(installation.serverName, installation.sourceId)
    service.installations += isActive ? 1 : -1
    this.#services.set(key, service)
  }

  #forgetUninstalled(id: string): void {
    this.#uninstalled.push(id)
    if (this.#uninstalled.length <= MAX_UNINSTALLED) return
    const [oldest = id] = this.#uninstalled.splice(0, 1)
    this.#installations.delete(oldest)
    this.#statistics.delete(oldest)
  }

  data(): FactsData {
    const installations = [...this.#installations].map(([id, installation]) => {
      const statistics = this.#statistics.get(id)
      return [id, installation, statistics] as [string, Installation, Statistics]
    })
    return { installations, services: [...this.#services], uninstalled: [...this.#uninstalled] }
  }

  restore({ installations, services, uninstalled }: FactsData): void {
    for (const [id, installation, statistics] of installations) {
      this.#installations.set(id, { ...installation })
      this.#statistics.set(id, { ...statistics })
    }
    for (const [id, service] of services) this.#services.set(id, { ...service })
    this.#uninstalled.push(...uninstalled)
  }
}

function newService(name: string, sourceId: string): Service {
  return { name, sourceId, versions: 0, installations: 0 }
}

function serviceOf({ sourceId, serverName }: Installation): string {
  return `${sourceId}/${serverName}`
}

function changeInstallation(
  installation: Installation,
  type: string,
  data: RuleEvent['data'],
): void {
  switch (type) {
    case 'ServerInstalled':
      installation.state = 'active'
      installation.version = String(data.version)
      installation.installedAt = String(data.installedAt)
      break
    case 'ServerUpdated':
      changeVersion(installation, data)
      installation.updatedAt = String(data.updatedAt)
      break
    case 'InstallationRolledBack':
      changeVersion(installation, data)
      break
    case 'InstallationFailed':
      installation.state = 'failed'
      break
    case 'ServerUninstalled':
      installation.state = 'uninstalled'
      break
    case 'ServerQuarantined':
      installation.quarantined = true
      break
    case 'QuarantineLifted':
      installation.quarantined = false
      break
  }
}

/** Another version is a fresh start: the quarantine was the old one's. */
function changeVersion(installation: Installation, { from, to }: RuleEvent['data']): void {
  installation.version = String(to)
  installation.previousVersion = String(from)
  installation.quarantined = false
}
