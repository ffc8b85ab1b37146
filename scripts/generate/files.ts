/** Every generated file, by its path from the root. */
import { publishedSchema } from '../../src/config/published.ts'
import { adminReference } from './admin-reference.ts'
import { apiTypes } from './api-types.ts'
import { configurationPage } from './configuration.ts'
import { errorsPage } from './errors.ts'

export const GENERATED: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/admin-api.md': adminReference,
  'docs/configuration.md': configurationPage,
  'docs/errors.md': errorsPage,
  'config/schema.json': publishedSchema,
  'src/web/api/schema.d.ts': apiTypes,
}
