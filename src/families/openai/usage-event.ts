/** The chunk that `stream_options.include_usage` adds to a stream. */
import { isObject } from '../request-body.ts'

/**
 * Whether an event holds nothing but usage. OpenAI's has an empty list of choices; others leave the list out, make it null, or
 * send a choice in which nothing is.
 */
export function isUsageEvent(event: unknown): boolean {
  if (!isObject(event) || !isObject(event['usage']) || (event['error'] ?? null) !== null) return false
  const choices = event['choices'] ?? []
  return Array.isArray(choices) && choices.every(isEmptyChoice)
}

function isEmptyChoice(choice: unknown): boolean {
  if (!isObject(choice) || (choice['finish_reason'] ?? null) !== null) return false
  return isEmpty(choice['text']) && hasOnlyEmpty(choice['delta'] ?? {})
}

/** A delta may name an empty content; any other name means something to a client, such as the role that begins a message. */
function hasOnlyEmpty(delta: unknown): boolean {
  return (
    isObject(delta) && Object.entries(delta).every(([name, value]) => name === 'content' && isEmpty(value))
  )
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === ''
}
