/** A loaded configuration, as the rest of Tollgate uses it. */
import type { ConfigInput } from './schema.ts'

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T
type UpstreamInput = ConfigInput['upstreams'][string]

export type Timeouts = DeepReadonly<ConfigInput['timeouts']>
export type ModelPrice = DeepReadonly<ConfigInput['prices']['models'][string]>
export type PricesConfig = DeepReadonly<ConfigInput['prices']>
export type GenericRoute = DeepReadonly<NonNullable<UpstreamInput['routes']>[number]>

/** An upstream with the values that it inherits from the top level. `ca` is an absolute path. */
export interface Upstream extends DeepReadonly<Omit<UpstreamInput, 'timeouts' | 'onStoreDown'>> {
  readonly timeouts: Timeouts
  readonly onStoreDown: ConfigInput['onStoreDown']
}

type NotificationsInput = DeepReadonly<ConfigInput['notifications']>
type SmtpInput = NonNullable<NotificationsInput['smtp']>

/** After loading, `smtp` says whether STARTTLS is required. */
export interface Notifications extends Omit<NotificationsInput, 'smtp'> {
  readonly smtp?: SmtpInput & { readonly startTls: NonNullable<SmtpInput['startTls']> }
}

type RedisInput = DeepReadonly<ConfigInput['redis']>
type TlsInput = Exclude<NonNullable<RedisInput['tls']>, true>

/** `tls: true` is loaded as an empty mapping. Paths are absolute. */
export interface RedisConfig extends Omit<RedisInput, 'tls'> {
  readonly tls?: TlsInput
}

/** A valid configuration. Its paths are absolute. */
export type Config = DeepReadonly<Omit<ConfigInput, 'redis' | 'upstreams' | 'notifications'>> & {
  readonly redis: RedisConfig
  readonly upstreams: Readonly<Record<string, Upstream>>
  readonly notifications: Notifications
}
