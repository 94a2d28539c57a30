import { readFile, rm, writeFile } from 'node:fs/promises'

/** Where the command line finds a process of this machine. */
export async function writeAddress(file: string, address: string): Promise<void> {
  await writeFile(file, `${address}\n`)
}

/** Unless another process has put its own there. */
export async function removeAddress(file: string, address: string): Promise<void> {
  const present = await readFile(file, 'utf8').catch(() => '')
  if (present.trim() === address) await rm(file, { force: true })
}
