import type { CallToolResult } from '@modelcontextprotocol/client'
import type { Command } from 'commander'
import { isRecord } from '../../../domain/kernel/json.ts'
import { CliError, EXIT, usage } from '../failure.ts'
import { resolveInstallation } from '../installations.ts'
import { print, printTable } from '../output.ts'
import { printable, printableLines } from '../printable.ts'
import { sessionOf } from '../session.ts'

export function addCallCommand(program: Command): void {
  program
    .command('call')
    .description('call a tool of an installed server; without a tool, list its tools')
    .argument('<installation>', 'id, beginning of an id, or server name')
    .argument('[tool]')
    .argument('[input]', 'a JSON object')
    .action(
      async (
        word: string,
        tool: string | undefined,
        input: string | undefined,
        _options: unknown,
        command: Command,
      ) => {
        const { api, answer } = sessionOf(command)
        const parsed = parseInput(input)
        // Loaded where it is used: it brings the SDK of MCP along.
        const { connectTo } = await import('../tool-call.ts')
        await using server = await connectTo(api, await resolveInstallation(api, word))
        if (tool === undefined) {
          answer(await server.tools(), (tools) =>
            printTable(tools, [
              { title: 'TOOL', of: ({ name }) => name },
              { title: 'DOES', of: ({ description }) => description },
            ]),
          )
          return
        }
        const result = await server.call(tool, parsed)
        answer(result, ({ content }) => print(content.map(textOf).join('\n')))
        if (result.isError)
          throw new CliError(EXIT.refused, `The tool "${tool}" answered with an error.`)
      },
    )
}

function parseInput(input: string | undefined): Readonly<Record<string, unknown>> {
  if (input === undefined) return {}
  try {
    const parsed: unknown = JSON.parse(input)
    if (isRecord(parsed)) return parsed
  } catch {
    // The sentence below says it.
  }
  throw usage(`The input has to be a JSON object such as '{"message":"hi"}'.`)
}

function textOf(content: CallToolResult['content'][number]): string {
  if (content.type === 'text') return printableLines(content.text)
  const kind = 'mimeType' in content ? `${content.type} ${content.mimeType ?? ''}` : content.type
  return `[${printable(kind.trim())}]`
}
