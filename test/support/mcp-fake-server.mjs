// A stdio MCP server for tests, without any package, so that it runs in every sandbox.
// Its tools are named after what they do; what it does at its start is told by its arguments:
//   --die-at-start   ends before it answers anything
//   --mute           never answers
//   --die-after=N    ends on call N of this process
//   --ignore-end     goes on after its input has ended, and ignores SIGTERM
//   --name=X         what it is called in serverInfo
//   --announce       says once, when it was initialized, that its tools have changed
import { createInterface } from 'node:readline'

const options = new Map(
  process.argv.slice(2).map((argument) => {
    const [name, value = 'yes'] = argument.replace(/^--/, '').split('=')
    return [name, value]
  }),
)

if (options.has('die-at-start')) process.exit(3)
if (options.has('ignore-end')) {
  process.on('SIGTERM', () => {})
  setInterval(() => {}, 1_000)
}

let calls = 0
const write = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] })
const cancelled = new Set()

const tools = {
  echo: ({ marker }) => text(marker),
  pid: () => text(process.pid),
  where: () => text(import.meta.dirname),
  environment: () => text(JSON.stringify(process.env)),
  cancelled: () => text(JSON.stringify([...cancelled])),
  fails: () => ({ ...text('it did not work'), isError: true }),
  meta: (_args, { _meta }) => text(JSON.stringify(_meta ?? null)),
  big: ({ bytes }) => text('x'.repeat(bytes)),
  slow: ({ ms, marker }) => new Promise((resolve) => setTimeout(resolve, ms, text(marker))),
  hang: () => new Promise(() => {}),
  crash: () => process.exit(7),
  async progress({ steps }, { _meta }) {
    for (let step = 1; step <= steps; step++) {
      const params = { progressToken: _meta?.progressToken, progress: step, total: steps }
      if (_meta?.progressToken !== undefined)
        write({ jsonrpc: '2.0', method: 'notifications/progress', params })
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    return text('done')
  },
  async 'garbage-first'({ marker }, _params, id) {
    process.stdout.write('this is no JSON\n')
    process.stdout.write(Buffer.from([0xff, 0xfe, 0x41, 0x0a]))
    process.stdout.write('NaN\n[]\n{"jsonrpc":"2.0"}\n')
    process.stdout.write(`${'['.repeat(100_000)}${']'.repeat(100_000)}\n`)
    write({ jsonrpc: '2.0', id: 987654, result: text('for nobody') })
    write({ jsonrpc: '2.0', id: 'x', result: text('for nobody') })
    write({ jsonrpc: '2.0', id: 1, method: 'sampling/createMessage', params: {} })
    write({ jsonrpc: '2.0', id, result: text(marker) })
    return { ...text('the second answer to the same id') }
  },
  'long-line': () => {
    process.stdout.write('x'.repeat(5 * 1024 * 1024))
    return new Promise(() => {})
  },
  flood: () => {
    const block = Buffer.from(
      `${JSON.stringify({ jsonrpc: '2.0', method: 'x', params: {} })}\n`.repeat(2_000),
    )
    const pour = () => {
      while (process.stdout.write(block));
      process.stdout.once('drain', pour)
    }
    pour()
    return new Promise(() => {})
  },
}

const methods = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion: protocolVersion >= '2026' ? '2025-11-25' : protocolVersion,
    capabilities: {
      tools: {},
      prompts: {},
      resources: { subscribe: true },
      completions: {},
      logging: {},
    },
    serverInfo: { name: options.get('name') ?? 'fake', version: '1.0.0' },
    instructions: 'Call echo.',
  }),
  ping: () => ({}),
  'tools/list': () => ({
    tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })),
  }),
  'prompts/list': () => ({ prompts: [{ name: 'greet' }] }),
  'prompts/get': ({ name }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `prompt ${name}` } }],
  }),
  'resources/list': () => ({ resources: [{ uri: 'fake://one', name: 'one' }] }),
  'resources/templates/list': () => ({ resourceTemplates: [] }),
  'resources/read': ({ uri }) => {
    if (uri !== 'fake://one') throw Object.assign(new Error('no such resource'), { code: -32002 })
    return { contents: [{ uri, text: 'first' }] }
  },
  'completion/complete': () => ({ completion: { values: ['a', 'b'] } }),
  'tools/call': (params, id) => {
    calls += 1
    if (calls === Number(options.get('die-after'))) process.exit(9)
    const tool = Object.hasOwn(tools, params.name) ? tools[params.name] : undefined
    if (tool === undefined)
      throw Object.assign(new Error(`Unknown tool: ${params.name}`), { code: -32602 })
    return tool(params.arguments ?? {}, params, id)
  },
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  if (options.has('mute')) return
  const { id, method, params } = JSON.parse(line)
  if (method === 'notifications/cancelled') cancelled.add(params.reason ?? 'no reason')
  if (method === 'notifications/initialized' && options.has('announce'))
    write({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
  if (id === undefined || method === undefined) return
  try {
    if (!Object.hasOwn(methods, method))
      throw Object.assign(new Error('Method not found'), { code: -32601 })
    write({ jsonrpc: '2.0', id, result: await methods[method](params ?? {}, id) })
  } catch (error) {
    write({ jsonrpc: '2.0', id, error: { code: error.code ?? -32603, message: error.message } })
  }
})
