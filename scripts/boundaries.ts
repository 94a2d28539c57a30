/**
 * Checks who imports whom, by the rules of `.dependency-cruiser.cjs`.
 *
 * dependency-cruiser is content when it finds nothing to look at, which is what happens when its
 * TypeScript cannot be loaded: a layer without a single module is a failure here.
 */
import path from 'node:path'
import { cruise, type ICruiseResult } from 'dependency-cruiser'
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options'
import extractTypeScriptConfig from 'dependency-cruiser/config-utl/extract-ts-config'
import { say } from './stack/say.ts'

const LAYERS = ['domain', 'projections', 'services', 'infra', 'scripts']

const root = path.resolve(import.meta.dirname, '..')
process.chdir(root)
const options = await extractDepcruiseOptions(path.join(root, '.dependency-cruiser.cjs'))
const { output } = await cruise(LAYERS, options, undefined, {
  tsConfig: extractTypeScriptConfig(path.join(root, 'tsconfig.json')),
})
process.exitCode = report(output as ICruiseResult)

function report({ modules, summary }: ICruiseResult): number {
  const faults = summary.violations.filter(({ rule }) => rule.severity === 'error')
  for (const { rule, from, to } of faults) say(`${rule.name}: ${from} → ${to}`)
  const empty = LAYERS.filter(
    (layer) => !modules.some(({ source }) => source.startsWith(`${layer}/`)),
  )
  if (empty.length > 0)
    say(`No module was found in ${empty.join(', ')}: nothing was checked there.`)
  say(`${modules.length} modules, ${faults.length} violations`)
  return faults.length === 0 && empty.length === 0 ? 0 : 1
}
