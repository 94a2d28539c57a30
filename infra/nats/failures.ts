import { NatsError } from 'nats'
import {
  MessageBusConflictError,
  MessageBusUnavailableError,
} from '../../services/ports/message-bus.ts'

/** JetStream's own error codes (`err_code`). */
const WRONG_LAST_SEQUENCE = 10_071
const WRONG_LAST_MESSAGE_ID = 10_070
const STREAM_NOT_FOUND = 10_059
const CONSUMER_NOT_FOUND = 10_014
const NO_MESSAGE_FOUND = 10_037

const NO_RESPONDERS = '503'

/** The stream is gone: nothing stores what is published to its subjects, or knows of it. */
export function isStreamMissing(error: unknown): boolean {
  return (
    hasCode(error, STREAM_NOT_FOUND) || (error instanceof NatsError && error.code === NO_RESPONDERS)
  )
}

export function isConsumerMissing(error: unknown): boolean {
  return hasCode(error, CONSUMER_NOT_FOUND) || isStreamMissing(error)
}

export function isMessageMissing(error: unknown): boolean {
  return hasCode(error, NO_MESSAGE_FOUND)
}

/** What the port promises for an error of the client. */
export function busError(error: unknown): Error {
  if (error instanceof MessageBusConflictError || error instanceof MessageBusUnavailableError)
    return error
  const why = error instanceof Error ? error.message : String(error)
  if (hasCode(error, WRONG_LAST_SEQUENCE) || hasCode(error, WRONG_LAST_MESSAGE_ID))
    return new MessageBusConflictError(`Another publisher was first: ${why}`, { cause: error })
  return new MessageBusUnavailableError(`The message bus does not answer: ${why}`, {
    cause: error,
  })
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof NatsError && error.api_error?.err_code === code
}
