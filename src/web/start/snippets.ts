/** How to configure each SDK for the gateway. Only the base URL and the key change. */
import type { Family, Upstream } from '../api/gateway.ts'

export interface Snippet {
  readonly title: string
  readonly code: string
}

const KEY = 'tg_…'

/** The base URL for an SDK. */
export function baseUrl(dataUrl: string, { family, prefix }: Upstream): string {
  return `${dataUrl}${prefix}${family === 'openai' ? '/v1' : ''}`
}

const SNIPPETS: Readonly<Record<Family, (base: string) => readonly Snippet[]>> = {
  openai: (base) => [
    {
      title: 'curl',
      code: curl(
        `${base}/chat/completions`,
        '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}',
      ),
    },
    {
      title: 'OpenAI, Node',
      code: `import OpenAI from 'openai'\nconst client = new OpenAI({\n  baseURL: '${base}',\n  apiKey: '${KEY}',\n})`,
    },
    {
      title: 'OpenAI, Python',
      code: `from openai import OpenAI\nclient = OpenAI(\n    base_url="${base}",\n    api_key="${KEY}",\n)`,
    },
    {
      title: 'AI SDK',
      code: `import { createOpenAI } from '@ai-sdk/openai'\nconst openai = createOpenAI({\n  baseURL: '${base}',\n  apiKey: '${KEY}',\n})`,
    },
  ],
  anthropic: (base) => [
    {
      title: 'Anthropic, Node',
      code: `import Anthropic from '@anthropic-ai/sdk'\nconst client = new Anthropic({\n  baseURL: '${base}',\n  apiKey: '${KEY}',\n})`,
    },
    {
      title: 'Anthropic, Python',
      code: `from anthropic import Anthropic\nclient = Anthropic(\n    base_url="${base}",\n    api_key="${KEY}",\n)`,
    },
  ],
  gemini: (base) => [
    {
      title: 'Google Gen AI, Node',
      code: `import { GoogleGenAI } from '@google/genai'\nconst client = new GoogleGenAI({\n  apiKey: '${KEY}',\n  httpOptions: { baseUrl: '${base}' },\n})`,
    },
    {
      title: 'Google Gen AI, Python',
      code: `from google import genai\nclient = genai.Client(\n    api_key="${KEY}",\n    http_options={"base_url": "${base}"},\n)`,
    },
  ],
  generic: (base) => [{ title: 'curl', code: curl(`${base}/…`, '{}') }],
}

export function snippetsFor(dataUrl: string, upstream: Upstream): readonly Snippet[] {
  return SNIPPETS[upstream.family](baseUrl(dataUrl, upstream))
}

function curl(url: string, body: string): string {
  return [
    `curl ${url} \\`,
    `  -H 'authorization: Bearer ${KEY}' \\`,
    `  -H 'content-type: application/json' \\`,
    `  -d '${body}'`,
  ].join('\n')
}
