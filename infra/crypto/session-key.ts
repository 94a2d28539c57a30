import { hkdfSync } from 'node:crypto'

/** What MCP session ids are signed with: of its own, so that no signature says anything about secrets. */
export function sessionKeyFrom(secretKey: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, '', 'tidemark mcp sessions', 32))
}
