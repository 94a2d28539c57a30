import { expectation, type Row, type Subject, streamAsGiven, thrown } from './row.ts'

/** `deleteStream` and `tombstoneStream`. */
export async function deleteRow(subject: Subject, row: Row): Promise<object> {
  const stream = await streamAsGiven(subject, row)
  // By its types the client takes no `stream_exists` here; a row says what happens then.
  const expectedRevision = expectation(row.given.expectedRevision ?? 'any') as 'any'
  try {
    const { position } =
      row.op === 'deleteStream'
        ? await subject.client.deleteStream(stream, { expectedRevision })
        : await subject.client.tombstoneStream(stream, { expectedRevision })
    return { position: position === undefined ? 'undefined' : 'present' }
  } catch (error) {
    return thrown(error)
  }
}
