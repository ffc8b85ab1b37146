/** Generates TypeScript types of the admin API, for the page and the command line. */
import openapiTypes, { astToString, type OpenAPI3 } from 'openapi-typescript'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { adminDocument } from './document.ts'

export async function apiTypes(): Promise<string> {
  const nodes = await openapiTypes((await adminDocument()) as unknown as OpenAPI3, {
    immutable: false,
    defaultNonNullable: false,
  })
  const header = '/** Made from the OpenAPI document by `npm run generate`. Do not edit. */\n\n'
  const style = await resolveConfig(fileURLToPath(import.meta.url))
  return format(header + astToString(nodes), { ...style, parser: 'typescript' })
}
