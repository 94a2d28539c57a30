import { Ajv, type ErrorObject, type Options } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyError, FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { UUID } from '../../domain/kernel/ids.ts'
import { within } from '../../domain/kernel/pointer.ts'
import { type ProblemDetails, type ProblemError, problem } from './problem.ts'

const MAX_ERRORS = 20

const shared: Options = {
  allErrors: true,
  removeAdditional: false,
  useDefaults: true,
  strict: false,
  validateFormats: true,
}

const isRfc3339 = addFormats.default(new Ajv()).compile({ type: 'string', format: 'date-time' })

/** Formats are what this program can work with: no leap seconds, which `Date` does not know. */
function withFormats(options: Options): Ajv {
  const ajv = new Ajv({ ...shared, ...options })
  addFormats.default(ajv)
  ajv.addFormat('date-time', (text) => isRfc3339(text) && !Number.isNaN(Date.parse(text)))
  ajv.addFormat('uuid', UUID)
  return ajv
}

/** A body says what it means: "5" is not 5. Text of a URL or a header has to be read as what the schema wants. */
export function validatorCompiler(): FastifySchemaCompiler<TSchema> {
  const exact = withFormats({ coerceTypes: false })
  const text = withFormats({ coerceTypes: 'array' })
  return ({ schema, httpPart }) => (httpPart === 'body' ? exact : text).compile(schema)
}

/** 422 for a body that does not fit its schema, 400 for parameters and headers. */
export function validationProblem(error: FastifyError): ProblemError {
  const inBody = error.validationContext === 'body'
  const errors = (error.validation ?? []) as readonly ErrorObject[]
  return problem(
    inBody ? 422 : 400,
    inBody ? 'invalid-body' : 'invalid-parameters',
    inBody
      ? 'The body does not fit what this request takes; `errors` says where.'
      : 'A parameter does not fit what this request takes; `errors` says which.',
    errors
      .slice(0, MAX_ERRORS)
      .map((fault) => faultEntry(error.validationContext ?? 'body', fault)),
  )
}

/** @param context what holds the value, as the beginning of a JSON pointer without its slash. */
export function faultEntry(
  context: string,
  { instancePath, keyword, params, message }: Omit<ErrorObject, 'schemaPath'>,
): NonNullable<ProblemDetails['errors']>[number] {
  const member =
    keyword === 'additionalProperties'
      ? String(params.additionalProperty)
      : keyword === 'required'
        ? String(params.missingProperty)
        : undefined
  const place = `/${context}${instancePath}`
  const allowed = keyword === 'enum' ? `: ${JSON.stringify(params.allowedValues)}` : ''
  return {
    pointer: (member === undefined ? place : within(place, member)).slice(0, 300),
    detail: `${message ?? 'is not allowed'}${allowed}`.slice(0, 300),
  }
}
