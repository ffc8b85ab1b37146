/** Every file that is made of the source, by its path from the root. */
import { publishedSchema } from '../../src/config/published.ts'
import { apiTypes } from './api-types.ts'

export const GENERATED: Readonly<Record<string, () => string | Promise<string>>> = {
  'config/schema.json': publishedSchema,
  'src/web/api/schema.d.ts': apiTypes,
}
