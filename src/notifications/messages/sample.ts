/** The test notice with which an admin checks a channel: made-up figures, marked as a test in every format. */
import type { Notice } from '../channels/channel.ts'

export interface SampleOrg {
  readonly id: string
  readonly name: string
  readonly timezone: string
  readonly period: { readonly start: string; readonly end: string }
}

/** `id` is new for each test, so that no receiver drops it as a repeat. */
export function sampleNotice(
  org: SampleOrg,
  { id, at, pageUrl }: { readonly id: string; readonly at: string; readonly pageUrl: string | null },
): Notice {
  return {
    crossing: {
      id,
      type: 'org.alert.crossed',
      org: org.id,
      alert: 'test',
      thresholdType: 'percentage',
      threshold: 75,
      mark: 7_500,
      version: 1,
      used: 7_512.5,
      allowance: 10_000,
      period: org.period,
      occurredAt: at,
    },
    orgName: org.name,
    timezone: org.timezone,
    userName: null,
    pageUrl,
    test: true,
  }
}
