export type ServerSentMessage = {
  readonly id: string | undefined
  /** Undefined in a message that only moves the resume point, which parsers for browsers drop. */
  readonly data: string | undefined
}

const MAX_LINE_LENGTH = 16 * 1024 * 1024

/** The messages of a `text/event-stream` answer (WHATWG HTML, 9.2), as they come. */
export async function* messagesIn(response: Response): AsyncGenerator<ServerSentMessage> {
  let id: string | undefined
  let data: string | undefined
  for await (const line of linesIn(response)) {
    if (line === '') {
      if (id !== undefined || data !== undefined) yield { id, data }
      id = undefined
      data = undefined
      continue
    }
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
    if (field === 'id') id = value
    if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
  }
}

/** The lines of an answer, as they come. */
export async function* linesIn(response: Response): AsyncGenerator<string> {
  if (response.body === null) return
  let rest = ''
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_LENGTH) throw new Error('A line of the event stream is too long.')
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
}
