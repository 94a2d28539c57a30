import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { documentFaults } from '../../domain/workflows/checks/document.ts'
import type { Fault } from '../../domain/workflows/checks/fault.ts'
import { SavedWorkflowDocument, type WorkflowDocument } from '../../domain/workflows/document.ts'
import { canonicalJson, sha256 } from '../kernel/canonical-json.ts'
import { type ProblemError, problem } from '../kernel/problem.ts'
import { authorSchemaFaults } from './author-schemas.ts'
import { type Place, type ReadSource, readYaml, SourceError } from './read-yaml.ts'
import { scheduleFaults } from './schedule-faults.ts'
import { schemaFaults } from './schema-faults.ts'

const MAX_FAULTS = 20
/** Of an event that holds the text and the document; one append may have 1 MiB. */
const MAX_EVENT_BYTES = 900_000

export type ParsedWorkflow = {
  readonly document: WorkflowDocument
  /** SHA-256 of the document as canonical JSON: the same in YAML and in JSON. */
  readonly hash: string
  readonly source: string
}

const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true, verbose: true }))

/**
 * Compiles the schema of documents, which otherwise the first document does. That takes a second in
 * which nobody is answered, so a process that takes documents does it before it answers anybody.
 */
export function prepareToParse(): void {
  ajv.compile(SavedWorkflowDocument)
}

/**
 * @param source YAML or JSON.
 * @param commands names of Tidemark's functions.
 * @throws {ProblemError} 422 `workflow-invalid`, which says of each fault where it is; 413
 *   `workflow-too-large`.
 */
export function parseWorkflow(source: string, commands: ReadonlySet<string>): ParsedWorkflow {
  const read = readSource(source)
  if (!ajv.validate<WorkflowDocument>(SavedWorkflowDocument, read.value))
    throw invalid(schemaFaults(ajv.errors ?? []), read)
  const document = read.value
  const faults = [...documentFaults(document, commands), ...scheduleFaults(document)]
  if (faults.length > 0) throw invalid(faults, read)
  const unusable = authorSchemaFaults(document)
  if (unusable.length > 0) throw invalid(unusable, read)
  const canonical = canonicalJson(document)
  const bytes = Buffer.byteLength(canonical) + Buffer.byteLength(JSON.stringify(source))
  if (bytes > MAX_EVENT_BYTES)
    throw problem(
      413,
      'workflow-too-large',
      `The text and what it says have ${bytes} bytes; together they may have ${MAX_EVENT_BYTES}.`,
    )
  return { document, hash: sha256(canonical), source }
}

function readSource(source: string): ReadSource {
  try {
    return readYaml(source)
  } catch (error) {
    if (!(error instanceof SourceError)) throw error
    const faults = error.faults.map(({ detail, line, column }) => ({
      pointer: '',
      detail: line === undefined ? detail : placed(detail, { line, column: column ?? 1 }),
    }))
    throw problem(
      422,
      'workflow-invalid',
      'The document cannot be read; `errors` says why.',
      faults,
    )
  }
}

function invalid(faults: readonly Fault[], { placeOf }: ReadSource): ProblemError {
  const shown = faults.slice(0, MAX_FAULTS).map(({ pointer, detail }) => ({
    pointer,
    detail: placed(detail, placeOf(pointer)),
  }))
  const more = faults.length > MAX_FAULTS ? `; ${MAX_FAULTS} of ${faults.length} are shown` : ''
  const detail = `The document is no workflow that can run here; \`errors\` says where${more}.`
  return problem(422, 'workflow-invalid', detail, shown)
}

function placed(detail: string, { line, column }: Place): string {
  return `line ${line}, column ${column}: ${detail}`
}
