import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin, stop } from 'esbuild'

/** A program of its own (a process, a thread) that a source names: it is built along. */
const PROGRAM_OF_SOURCE = /import\.meta\.resolve\(\s*'(\.[^']*\.ts)'\s*\)/g
const DIRECTORY = /import\.meta\.dirname/g
const URL_OF_SOURCE = /import\.meta\.url/g

/** Packages of hundreds of small modules, which take longer to find than to run. */
const BUILT_IN = /^(typebox|kysely|@fastify\/type-provider-typebox)(\/|$)/

export type Built = {
  /** @returns where the program is that was built of a source, a path from the root. */
  readonly urlOf: (source: string) => string
}

/**
 * Makes JavaScript of programs and all that they import from here; of packages only those that
 * gain by it. What programs share is in files that they share. A module sees the place of its source in `import.meta`, so
 * that it finds what lies beside it, but `import.meta.resolve` of a program gives what was built.
 *
 * @param into a new directory.
 */
export async function buildPrograms(
  root: string,
  programs: readonly string[],
  into: string,
): Promise<Built> {
  const urlOf = (source: string) =>
    pathToFileURL(path.join(into, source.replace(/\.ts$/, '.mjs'))).href
  mkdirSync(into, { recursive: true })
  symlinkSync(path.join(root, 'node_modules'), path.join(into, 'node_modules'))
  const entries = new Set(programs)
  for (let known = 0; known < entries.size; ) {
    known = entries.size
    await build({
      entryPoints: [...entries],
      absWorkingDir: root,
      ...{ outdir: into, outbase: root, outExtension: { '.js': '.mjs' } },
      chunkNames: 'shared/[hash]',
      ...{ bundle: true, splitting: true },
      ...{ format: 'esm', platform: 'node', target: 'node20' },
      ...{ sourcemap: 'linked', sourcesContent: false, logLevel: 'error' },
      plugins: [packagesOutside, placesOfSources(root, entries, urlOf)],
    })
  }
  await stop()
  return { urlOf }
}

const packagesOutside: Plugin = {
  name: 'packages outside',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) => {
      const isOutside = kind !== 'entry-point' && !BUILT_IN.test(name)
      return isOutside ? { path: name, external: true } : undefined
    })
  },
}

function placesOfSources(
  root: string,
  entries: Set<string>,
  urlOf: (source: string) => string,
): Plugin {
  return {
    name: 'places of sources',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
        const directory = path.dirname(file)
        const contents = readFileSync(file, 'utf8')
          .replace(PROGRAM_OF_SOURCE, (_, program: string) => {
            const source = path.relative(root, path.join(directory, program))
            entries.add(source)
            return JSON.stringify(urlOf(source))
          })
          .replace(DIRECTORY, () => JSON.stringify(directory))
          .replace(URL_OF_SOURCE, () => JSON.stringify(pathToFileURL(file).href))
        return { contents, loader: 'ts' }
      })
    },
  }
}
