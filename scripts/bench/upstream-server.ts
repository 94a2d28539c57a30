/**
 * A registry for the benchmarks: `upstream-server.ts <servers> <versions of each>`. Pages are made
 * before the first request, so that what is measured is the mirror. Prints its address.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const PAGE = 100
const WORDS =
  'weather calendar invoice payroll kubernetes postgres sqlite browser scraper search vector memory graph ledger billing travel flight hotel recipe fitness sleep genome protein chess music lyrics podcast video camera drone satellite map route traffic parking energy solar battery market crypto stock bond fund tax audit contract legal patent grant survey forum chat mail sms voice translate grammar essay quiz course tutor library archive museum gallery theatre cinema game robot sensor factory supply warehouse retail coupon review rating'.split(
    ' ',
  )

const [servers = 1_000, versions = 1] = process.argv.slice(2).map(Number)
const total = servers * versions
const pages = Array.from({ length: Math.ceil(total / PAGE) }, (_, page) => pageOf(page))

const server = createServer((request, response) => {
  const query = new URL(request.url ?? '/', 'http://upstream').searchParams
  const since = query.get('updated_since')
  const body = since === null ? pages[Number(query.get('cursor') ?? 0)] : EMPTY
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': body?.length ?? 0,
  })
  response.end(body)
})
const EMPTY = Buffer.from(JSON.stringify({ servers: [], metadata: { count: 0 } }))
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})

function pageOf(page: number): Buffer {
  const first = page * PAGE
  const length = Math.min(PAGE, total - first)
  const entries = Array.from({ length }, (_, index) => entryOf(first + index))
  const more = first + length < total ? { nextCursor: String(page + 1) } : {}
  const metadata = { count: length, ...more }
  return Buffer.from(JSON.stringify({ servers: entries, metadata }))
}

/** About 1 kB, as the real ones. */
function entryOf(index: number): object {
  const server = Math.floor(index / versions)
  const version = `1.${index % versions}.0`
  const [a, b, c] = [word(server), word(server * 7 + 3), word(server * 13 + 5)]
  const name = `io.github.team-${server % 5_000}/${a}-${b}-${server}`
  return {
    server: {
      $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
      name,
      title: `${a} ${b}`,
      description: `An MCP server for ${a} and ${b}: ask about ${c}, keep ${word(server + 1)} in step.`,
      version,
      repository: { url: `https://git.example/team-${server % 5_000}/${a}-${b}`, source: 'git' },
      packages: [
        {
          registryType: 'npm',
          identifier: `@team-${server % 5_000}/${a}-${b}`,
          version,
          transport: { type: 'stdio' },
          environmentVariables: [
            { name: `${a.toUpperCase()}_API_KEY`, description: `Key of ${a}`, isSecret: true },
          ],
        },
      ],
    },
    _meta: {
      'io.modelcontextprotocol.registry/official': {
        status: 'active',
        publishedAt: '2025-10-01T00:00:00.000001Z',
        updatedAt: '2025-10-01T00:00:00.000001Z',
        isLatest: index % versions === versions - 1,
      },
    },
  }
}

function word(index: number): string {
  return WORDS[index % WORDS.length] ?? ''
}
