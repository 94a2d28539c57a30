import { channel } from 'node:diagnostics_channel'

/** One message for each command that was carried out, refused or failed. */
export type CommandHandled = {
  readonly command: string
  readonly outcome: 'accepted' | 'rejected' | 'failed'
  readonly seconds: number
}

// Who measures commands is nobody's business who sends them: no command handler takes a metric.
const handled = channel('tidemark:command')

export function tellCommandHandled(message: CommandHandled): void {
  handled.publish(message)
}

/** @returns ends it. */
export function onCommandHandled(listener: (message: CommandHandled) => void): () => void {
  const listen = (message: unknown) => listener(message as CommandHandled)
  handled.subscribe(listen)
  return () => handled.unsubscribe(listen)
}
