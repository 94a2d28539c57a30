import type { Json } from '../../../kernel/json.ts'
import { type Code, passingCode, type Run, streamCode, valueCode } from '../code.ts'

/** Makes a call's code from the code of its arguments. */
export type Native = (args: readonly Code[]) => Code

/** Natives by name and number of arguments: `split/1`. */
export type Natives = Readonly<Record<string, Native>>

/** A function of its input alone. */
export function value0(apply: (run: Run, input: Json) => Json): Native {
  return () => valueCode((run, _env, input) => apply(run, input))
}

/** The same, for one that may give its input back, and then has its path. */
export function passing0(apply: (run: Run, input: Json) => Json): Native {
  return () => passingCode((run, _env, input) => apply(run, input))
}

export function value1(apply: (run: Run, input: Json, first: Json) => Json): Native {
  return valueNative((run, input, [first = null]) => apply(run, input, first))
}

/** The same, for one that may give its input back, and then has its path. */
export function passing1(apply: (run: Run, input: Json, first: Json) => Json): Native {
  const native = value1(apply)
  return (args) => {
    const code = native(args)
    return code.one === null ? code : passingCode(code.one)
  }
}

export function value2(apply: (run: Run, input: Json, first: Json, second: Json) => Json): Native {
  return valueNative((run, input, [first = null, second = null]) =>
    apply(run, input, first, second),
  )
}

export function value3(
  apply: (run: Run, input: Json, first: Json, second: Json, third: Json) => Json,
): Native {
  return valueNative((run, input, [first = null, second = null, third = null]) =>
    apply(run, input, first, second, third),
  )
}

/** Applied to each way in which the arguments come out; the last one varies slowest. */
function valueNative(apply: (run: Run, input: Json, values: readonly Json[]) => Json): Native {
  return (args) => {
    const ones = args.flatMap(({ one }) => (one === null ? [] : [one]))
    if (ones.length === args.length)
      return valueCode((run, env, input) => {
        const values = new Array<Json>(ones.length)
        for (let at = ones.length - 1; at >= 0; at--)
          values[at] = ones[at]?.(run, env, input) ?? null
        return apply(run, input, values)
      })
    return streamCode((run, env, input, emit) => {
      const bind = (left: number, values: readonly Json[]): void => {
        run.step()
        const arg = args[left - 1]
        if (arg === undefined) emit(apply(run, input, values))
        else arg.each(run, env, input, (value) => bind(left - 1, [value, ...values]))
      }
      bind(args.length, [])
    })
  }
}

/** Like a function of jq with `$` parameters: the first argument varies slowest. */
export function eachValue(
  args: readonly Code[],
  use: (run: Run, input: Json, values: readonly Json[], emit: (value: Json) => void) => void,
): Code {
  return streamCode((run, env, input, emit) => {
    const bind = (values: readonly Json[]): void => {
      run.step()
      const arg = args[values.length]
      if (arg === undefined) use(run, input, values, emit)
      else arg.each(run, env, input, (value) => bind([...values, value]))
    }
    bind([])
  })
}

export const EMPTY: Code = { one: null, each: () => undefined, paths: () => undefined }

/** A native that decides itself when its arguments are evaluated. */
export function with1(make: (of: Code) => Code): Native {
  return ([of = EMPTY]) => make(of)
}

export function with2(make: (first: Code, second: Code) => Code): Native {
  return ([first = EMPTY, second = EMPTY]) => make(first, second)
}
