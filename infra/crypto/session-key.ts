import { hkdfSync } from 'node:crypto'

/**
 * What MCP session ids are signed with: of its own, so that no signature says anything about API
 * keys, and the same in all processes of an installation, whichever keys rotate.
 */
export function sessionKeyFrom(pepper: string): Buffer {
  return Buffer.from(hkdfSync('sha256', pepper, '', 'tidemark mcp sessions', 32))
}
