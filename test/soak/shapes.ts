/** All shapes. */
import type { Shape } from './shape.ts'
import { chat, chatStream, completion, embedding, response, responseStream } from './shapes-openai.ts'
import { gemini, geminiStream, message, messageStream, search } from './shapes-others.ts'

/** With how often each is drawn. */
export const SHAPES: readonly (readonly [weight: number, shape: Shape])[] = [
  [18, chat],
  [18, chatStream],
  [3, completion],
  [6, response],
  [7, responseStream],
  [8, embedding],
  [8, message],
  [11, messageStream],
  [6, gemini],
  [9, geminiStream],
  [4, search],
]
