/** A loaded configuration, as the rest of Tollgate sees it. */
import type { ConfigInput } from './schema.ts'

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T
type UpstreamInput = ConfigInput['upstreams'][string]

export type Timeouts = DeepReadonly<ConfigInput['timeouts']>
export type ModelPrice = DeepReadonly<ConfigInput['prices']['models'][string]>
export type PricesConfig = DeepReadonly<ConfigInput['prices']>
export type GenericRoute = DeepReadonly<NonNullable<UpstreamInput['routes']>[number]>

/** An upstream with what it takes over from the top level filled in. `ca` is an absolute path. */
export interface Upstream extends DeepReadonly<Omit<UpstreamInput, 'timeouts' | 'onStoreDown'>> {
  readonly timeouts: Timeouts
  readonly onStoreDown: ConfigInput['onStoreDown']
}

type NotificationsInput = DeepReadonly<ConfigInput['notifications']>
type SmtpInput = NonNullable<NotificationsInput['smtp']>

/** Whether STARTTLS is required is decided. */
export interface Notifications extends Omit<NotificationsInput, 'smtp'> {
  readonly smtp?: SmtpInput & { readonly startTls: NonNullable<SmtpInput['startTls']> }
}

type RedisInput = DeepReadonly<ConfigInput['redis']>
type TlsInput = Exclude<NonNullable<RedisInput['tls']>, true>

/** TLS with nothing else said of it is a mapping without keys. Paths are absolute. */
export interface RedisConfig extends Omit<RedisInput, 'tls'> {
  readonly tls?: TlsInput
}

/** A configuration that holds together. Paths in it are absolute. */
export type Config = DeepReadonly<Omit<ConfigInput, 'redis' | 'upstreams' | 'notifications'>> & {
  readonly redis: RedisConfig
  readonly upstreams: Readonly<Record<string, Upstream>>
  readonly notifications: Notifications
}
