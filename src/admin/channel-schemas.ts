/** The schemas of channels in requests and responses of the admin API. */
import { Type, type Static } from '@sinclair/typebox'
import { CHANNEL_KINDS, type Channel } from '../directory/channels.ts'
import { Component } from './components.ts'
import { Closed, Name, OneOf, OrgPath, OrNull, Timestamp } from './schemas.ts'
import { timestamp } from './timestamps.ts'

/**
 * Characters at the end of a Slack URL that are shown to tell URLs apart; the rest of the URL is as secret as a
 * password.
 */
const SHOWN_LENGTH = 4

const Url = Type.String({
  minLength: 1,
  maxLength: 2_000,
  description:
    'https, without credentials. For Slack, an incoming webhook of hooks.slack.com. The operator may allow others.',
  expects: 'a URL of at most 2000 characters',
})
const Label = OrNull(Name, 'a text of one line that is not empty, or null')

export const NewChannel = Component(
  'NewChannel',
  Closed({
    kind: OneOf(CHANNEL_KINDS),
    url: Url,
    name: Type.Optional(Label),
    enabled: Type.Optional(Type.Boolean({ description: 'Default true.' })),
  }),
)

export const ChannelPatch = Component(
  'ChannelPatch',
  Closed({
    url: Type.Optional(Url),
    name: Type.Optional(Label),
    enabled: Type.Optional(Type.Boolean()),
    rotateSecret: Type.Optional(
      Type.Boolean({
        description:
          'A webhook gets a new secret, which only this response shows. For 24 hours messages are signed with the old one, too.',
      }),
    ),
  }),
)

const properties = {
  id: Type.String(),
  kind: OneOf(CHANNEL_KINDS),
  name: Type.Union([Type.String(), Type.Null()], { description: 'A name for people.' }),
  url: Type.String({
    description:
      'The URL for notifications. Slack’s URL is a secret, so only its host and its end are shown.',
  }),
  enabled: Type.Boolean({
    description: 'Notifications that occur while it is off are not sent to it later.',
  }),
  previousSecretUntil: Type.Union([Timestamp, Type.Null()], {
    description: 'Until then, messages are also signed with the secret before the last rotation.',
  }),
  createdAt: Timestamp,
}
export const ChannelBody = Component('Channel', Type.Object(properties))
export const ChannelWithSecret = Component(
  'ChannelWithSecret',
  Type.Object({
    ...properties,
    secret: Type.Optional(
      Type.String({
        description: 'The secret with which a webhook’s messages are signed. It is never shown again.',
      }),
    ),
  }),
)
export const TestResult = Component(
  'ChannelTest',
  Type.Object({
    status: OneOf(['sent', 'failed']),
    error: Type.Union([Type.String(), Type.Null()], { description: 'The error, for people.' }),
  }),
)
export const ChannelPath = Type.Object({
  ...OrgPath.properties,
  id: Type.String({ description: 'The id of a channel.' }),
})

export function channelBody({
  id,
  kind,
  name,
  url,
  enabled,
  secrets,
  createdAt,
}: Channel): Static<typeof ChannelBody> {
  const until = secrets?.previous?.until
  return {
    id,
    kind,
    name,
    url: kind === 'slack' ? hidden(url) : url,
    enabled,
    previousSecretUntil: until === undefined ? null : timestamp(until),
    createdAt: timestamp(createdAt),
  }
}

/** `https://hooks.slack.com/…a1b2`: enough to recognize the URL, but not enough to post to it. */
function hidden(url: string): string {
  return `${new URL(url).origin}/…${url.slice(-SHOWN_LENGTH)}`
}
