import { ARRAYS } from './arrays.ts'
import { CORE } from './core.ts'
import { DATES } from './dates.ts'
import type { Native, Natives } from './define.ts'
import { GENERATORS } from './generators.ts'
import { MATH } from './math.ts'
import { PATHS } from './paths.ts'
import { REGEX } from './regex.ts'
import { STRINGS } from './strings.ts'

const ALL: Natives = {
  ...CORE,
  ...PATHS,
  ...GENERATORS,
  ...ARRAYS,
  ...STRINGS,
  ...REGEX,
  ...MATH,
  ...DATES,
}

const BY_KEY: ReadonlyMap<string, Native> = new Map(Object.entries(ALL))

export function nativeOf(name: string, arity: number): Native | undefined {
  return BY_KEY.get(`${name}/${arity}`)
}
