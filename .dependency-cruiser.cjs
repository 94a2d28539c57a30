/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'domain-is-pure',
      comment:
        'domain/ imports domain/, the schema builder and two languages; no node builtins, no I/O package',
      severity: 'error',
      from: { path: '^domain/' },
      to: { pathNot: ['^domain/', '^node_modules/(typebox|re2js|@marcbachmann/cel-js)/'] },
    },
    {
      name: 'domain-contexts-meet-in-events',
      comment: "a context may read another context's events.ts, never its aggregates",
      severity: 'error',
      from: { path: '^domain/([^/]+)/' },
      to: {
        path: '^domain/',
        pathNot: ['^domain/$1/', '^domain/kernel/', '^domain/[^/]+/(run-)?events\\.ts$'],
      },
    },
    {
      name: 'projections-see-events-only',
      severity: 'error',
      from: { path: '^projections/' },
      to: {
        pathNot: [
          '^projections/',
          '^domain/[^/]+/(run-)?events\\.ts$',
          '^domain/event-catalogue\\.ts$',
          '^domain/kernel/',
          // A closed list of words that the events and their rows are made of.
          '^domain/identity/scopes\\.ts$',
          '^node_modules/(kysely|typebox)/',
        ],
      },
    },
    {
      name: 'services-never-import-infra',
      comment: 'services take ports; only the composition roots in services/main/ name an adapter',
      severity: 'error',
      from: { path: '^services/', pathNot: '^services/main/' },
      to: { path: '^infra/' },
    },
    {
      name: 'service-contexts-do-not-call-each-other',
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: '^services/(main|kernel|ports)/' },
      to: { path: '^services/', pathNot: ['^services/$1/', '^services/(kernel|ports)/'] },
    },
    {
      name: 'routes-command-their-own-context',
      comment: "only a reactor may send a command to another context's aggregate",
      severity: 'error',
      from: {
        path: '^services/([^/]+)/',
        pathNot: ['^services/(main|kernel|ports)/', '/reactor\\.ts$'],
      },
      to: {
        path: '^domain/',
        pathNot: [
          '^domain/$1/',
          '^domain/kernel/',
          '^domain/[^/]+/(run-)?events\\.ts$',
          '^domain/event-catalogue\\.ts$',
        ],
      },
    },
    {
      name: 'infra-implements-ports',
      severity: 'error',
      from: { path: '^infra/' },
      to: { path: '^services/', pathNot: '^services/ports/' },
    },
    {
      name: 'no-dev-dependency-at-runtime',
      severity: 'error',
      from: { path: '^(domain|services|projections|infra)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
}
