import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Sample } from './growth.ts'

/** @returns memory over time as SVG. */
export async function plot(samples: readonly Sample[]): Promise<string> {
  const minutes = samples.map(({ seconds, megabytes }) => ({ minutes: seconds / 60, megabytes }))
  const x = { field: 'minutes', type: 'quantitative', title: 'minutes under load' } as const
  const y = { field: 'megabytes', type: 'quantitative', title: 'resident memory, MB' } as const
  const spec: TopLevelSpec = {
    ...{ width: 640, height: 240, background: 'white', data: { values: minutes } },
    layer: [
      {
        mark: { type: 'line', strokeWidth: 1 },
        encoding: { x, y: { ...y, scale: { zero: true } } },
      },
      {
        transform: [{ filter: 'datum.minutes >= 2' }, { regression: 'megabytes', on: 'minutes' }],
        mark: { type: 'line', color: 'firebrick', strokeDash: [6, 4] },
        encoding: { x, y },
      },
    ],
  }
  return await new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG()
}
