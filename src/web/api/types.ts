/** The types of the admin API's responses; `schema.d.ts` is generated from its OpenAPI document. */
import type { components } from './schema.d.ts'

type Schemas = components['schemas']

export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

export type Session = Schemas['Session']
export type Org = Schemas['Org']
/** All users who are admins at the time of delivery, or some admins by id. */
export type Recipients = 'all' | readonly string[]
export type Alert = Schemas['Alert']
export type AlertDraft = Pick<Alert, 'type' | 'threshold'> & { readonly recipients: Recipients }
export type UserAlerts = Schemas['UserAlerts']
export type UserLimits = Schemas['UserLimits']
export type CustomLimit = Schemas['CustomLimit']
export type ListedCustomLimit = Schemas['ListedCustomLimit']
export type UserUse = Schemas['UserUse']
export type Member = Schemas['Member']
export type UsageItem = Schemas['UsageItem']
export type UsageGroup = 'user' | 'source' | 'model' | 'day'
export interface UsagePage extends Page<UsageItem> {
  readonly total: Schemas['UsageTotal']
}
export type BillingPeriod = Schemas['BillingPeriod']
export type Me = Schemas['Me']
export type VirtualKey = Schemas['Key']
export type CreatedKey = Schemas['CreatedKey']
export type Channel = Schemas['Channel']
export type ChannelWithSecret = Schemas['ChannelWithSecret']
export type ChannelTest = Schemas['ChannelTest']
export type Notification = Schemas['Notification']
export type Delivery = Schemas['ListedDelivery']
export type DeliveryState = Delivery['state']
export type AuditEntry = Schemas['AuditEntry']
export type Gateway = Schemas['Gateway']
