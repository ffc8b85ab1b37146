/** Made from the OpenAPI document by `npm run generate`. Do not edit. */

export interface paths {
  '/metrics': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Metrics for Prometheus */
    get: operations['getMetrics']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/healthz': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Whether the process is up */
    get: operations['getHealth']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/readyz': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Whether traffic may be sent here */
    get: operations['getReadiness']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/openapi.json': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** This document */
    get: operations['getDocument']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/session': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Read the session */
    get: operations['getSession']
    put?: never
    /**
     * Sign in with a key
     * @description Opens a new session for the owner of a key of scope `admin`, and closes the one whose cookie the request has. The owner may also be a plain member, whose session opens only `/v1/session` and `/v1/me`. It ends when it was idle for too long, at the end of its absolute lifetime, or at once when the key is revoked or its owner removed.
     */
    post: operations['signIn']
    /** Sign out */
    delete: operations['signOut']
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/me': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /**
     * Read your own usage
     * @description The usage of the owner of the session or key in the current period. `used` is all of it, `counted` the part that counts towards the limit, `held` the part of the limit that is set aside for calls in flight.
     */
    get: operations['getMe']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** List the organizations */
    get: operations['listOrgs']
    put?: never
    /** Create an organization */
    post: operations['createOrg']
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Read an organization */
    get: operations['getOrg']
    put?: never
    post?: never
    /**
     * Delete an organization
     * @description Deletes its members, keys, settings and usage, too. Its keys fail at their next call. `/v1/audit` records the deletion.
     */
    delete: operations['deleteOrg']
    options?: never
    head?: never
    /**
     * Change an organization
     * @description Absent fields stay. Only the operator may change fields other than the name. A change of `billing` takes effect when the current period ends (P4); a changed `every` without an `anchor` starts at 1.
     */
    patch: operations['changeOrg']
    trace?: never
  }
  '/v1/orgs/{org}/members': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** List or search the members */
    get: operations['listMembers']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/members/{user}': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Read a member */
    get: operations['getMember']
    /**
     * Add a member, or replace one
     * @description Absent fields get their default: no email, no name, role `member`.
     */
    put: operations['putMember']
    post?: never
    /**
     * Remove a member
     * @description The user’s next call fails. The usage stays: a user who is added again continues with the same counters.
     */
    delete: operations['removeMember']
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/keys': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** List the keys */
    get: operations['listKeys']
    put?: never
    /**
     * Create a key
     * @description A traffic key belongs to one user, or with `app` to an app that names the user of each call. A key of scope `admin` belongs to an admin and opens the admin plane. Each plane refuses the keys of the other.
     */
    post: operations['createKey']
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/keys/{id}': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    get?: never
    put?: never
    post?: never
    /** Revoke a key */
    delete: operations['revokeKey']
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/alerts': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** List the alerts */
    get: operations['listAlerts']
    put?: never
    /**
     * Create an alert
     * @description It fires at once if usage has reached it (O9). An organization has up to 1000 alerts (O1).
     */
    post: operations['createAlert']
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/alerts/{id}': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Read an alert */
    get: operations['getAlert']
    put?: never
    post?: never
    /**
     * Delete an alert
     * @description It never fires again.
     */
    delete: operations['deleteAlert']
    options?: never
    head?: never
    /**
     * Change an alert
     * @description Absent fields stay. A changed threshold or type arms the alert again in this period, and fires it at once if usage is past it; changed recipients do not (O8).
     */
    patch: operations['changeAlert']
    trace?: never
  }
  '/v1/orgs/{org}/user-alerts': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Read the alert */
    get: operations['getUserAlerts']
    /**
     * Save the alert
     * @description Saves the whole setting: absent fields get their default, not their previous value. A changed threshold arms the alert again for every user. For users who are past it, it fires at their next charge, so that saving sends no burst of mail. Switching it off and on arms nothing (U4).
     */
    put: operations['putUserAlerts']
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/user-limits': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Read the limits */
    get: operations['getUserLimits']
    /**
     * Save the limits
     * @description Saves the whole setting: absent fields get their default, not their previous value. It applies to the next call on every gateway (L8).
     */
    put: operations['putUserLimits']
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/user-limits/custom': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** List the custom limits */
    get: operations['listCustomLimits']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/user-limits/custom/{user}': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Read a custom limit */
    get: operations['getCustomLimit']
    /**
     * Set a custom limit
     * @description It replaces the default for this user, and may be higher or lower (L2).
     */
    put: operations['putCustomLimit']
    post?: never
    /** Return a user to the default limit */
    delete: operations['deleteCustomLimit']
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/users': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /**
     * List users by usage
     * @description Sorted by usage, highest first. With `exceeding=true` only users at or past their limit in this period, read from an index.
     */
    get: operations['listUsers']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/usage': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /**
     * Read usage by user, source, model or day
     * @description Sorted by usage, highest first; days in their order. `total` is that of the whole range, and of the user if `user` is given. `q` searches users by id, name or email, with `by=user`. Usage by source, model and day is kept for 13 months; usage of single users for `retentionDays`, and for whole billing periods of 13 months. `format=csv` returns one file, without `limit` and `cursor`.
     */
    get: operations['getUsage']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/periods': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /**
     * List the billing periods whose usage is kept
     * @description Newest first. The first is the current one.
     */
    get: operations['listPeriods']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/channels': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** List the channels */
    get: operations['listChannels']
    put?: never
    /**
     * Add a channel
     * @description Every notification of the organization is posted to it. An organization has up to 50 channels.
     */
    post: operations['createChannel']
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/channels/{id}': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Read a channel */
    get: operations['getChannel']
    put?: never
    post?: never
    /** Remove a channel */
    delete: operations['deleteChannel']
    options?: never
    head?: never
    /**
     * Change a channel
     * @description Absent fields stay. The kind of a channel cannot change; add another channel instead.
     */
    patch: operations['changeChannel']
    trace?: never
  }
  '/v1/orgs/{org}/channels/{id}/test': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    get?: never
    put?: never
    /**
     * Send a test
     * @description Sends one message that is marked as a test, even if the channel is off, and returns the result. It is not retried. An organization may send ten a minute.
     */
    post: operations['testChannel']
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/adjustments': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    get?: never
    put?: never
    /**
     * Adjust a user’s usage
     * @description An adjustment is part of every sum, as usage of a model called `adjustment` with no calls. A charge fires the alerts it crosses; a refund fires nothing, arms nothing, and unblocks a user who falls below the limit. Send an `Idempotency-Key` to make a retry safe.
     */
    post: operations['createAdjustment']
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/notifications': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /**
     * List the notifications
     * @description Notifications are kept for 62 days. With `type`, a page may have fewer items than requested and still have a next one.
     */
    get: operations['listNotifications']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/notifications/{id}': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Read a notification */
    get: operations['getNotification']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/notifications/{id}/redeliver': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    get?: never
    put?: never
    /**
     * Send a notification again
     * @description Tries deliveries that failed or were parked again at once. If there were no recipients, it looks for recipients again. With `channel` and `recipient` it sends only this delivery, if it failed or was parked. Sent deliveries are not repeated.
     */
    post: operations['redeliverNotification']
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/notifications/{id}/deliveries': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** List the deliveries of a notification */
    get: operations['listDeliveries']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/audit': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /**
     * List or export the changes of an organization
     * @description Newest first. Entries are kept for 13 months. A page looks through at most 10,000 entries for those that match, so it may have few or none and still a `next`.
     */
    get: operations['listAudit']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/audit': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /**
     * List or export the deletions of organizations
     * @description An organization’s own log is deleted with it. This log keeps the deletion, its actor and the organization for 13 months.
     */
    get: operations['listOperatorAudit']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/orgs/{org}/drift-check': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    get?: never
    put?: never
    /**
     * Compare counters with usage and holds
     * @description Recomputes, for the open period, each user’s usage from the usage by day, and the held credits from the open holds. Calls may be in flight. With `repair` the counters are set to the recomputed values, user by user, each with an entry in the audit log. Read a report without it first.
     */
    post: operations['checkDrift']
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/gateway': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /**
     * Read the address of the data plane
     * @description The base URL for an SDK is the `dataUrl`, the `prefix` and, for OpenAI, `/v1`.
     */
    get: operations['getGateway']
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
}
export type webhooks = Record<string, never>
export interface components {
  schemas: {
    /** @description An error, by RFC 9457. */
    Problem: {
      /** @description A URN that ends in the code. */
      type: string
      /** @description The code in words. */
      title: string
      /** @description The status of the answer. */
      status: number
      /** @description What went wrong this time, for people. */
      detail: string
      /** @description What went wrong, for programs. Never renamed, never used for anything else. */
      code: string
      /** @description The fields that caused it. */
      errors?: {
        /** @description Where in the body, the query or the path, such as `billing.anchor`. */
        field: string
        /** @description Completes a sentence that starts with the field. */
        message: string
      }[]
      /** @description With `precondition_failed`: what is there now, as a read shows it. */
      current?: unknown
    }
    NewAdjustment: {
      /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
      user: string
      /** @description Credits to add to the usage, with at most six decimals; a negative number is a refund. */
      credits: number
      /**
       * @description Default `chat`.
       * @enum {string}
       */
      source?: 'chat' | 'workflow' | 'agent_deployment'
      /** @description Written to the audit log. */
      reason: string
    }
    Adjustment: {
      id: string
      /** @description The user’s usage in this period after the adjustment, in credits. */
      used: number
    }
    /** @description "all", or the ids of 1 to 100 admins, each once */
    Recipients: 'all' | string[]
    NewAlert: {
      /** @enum {string} */
      type: 'percentage' | 'absolute'
      /** @description A percentage from 1 to 100 of the allowance, or credits, which may exceed it (O2). */
      threshold: number
      recipients?: components['schemas']['Recipients']
    }
    AlertPatch: {
      /** @enum {string} */
      type?: 'percentage' | 'absolute'
      /** @description A percentage from 1 to 100 of the allowance, or credits, which may exceed it (O2). */
      threshold?: number
      recipients?: components['schemas']['Recipients']
    }
    Alert: {
      id: string
      /** @enum {string} */
      type: 'percentage' | 'absolute'
      /** @description A percentage from 1 to 100 of the allowance, or credits, which may exceed it (O2). */
      threshold: number
      recipients: components['schemas']['Recipients']
      /** @description The credits at which it fires in this period; null for a percentage of an allowance of 0. */
      mark: number | null
      /** @description When it fired in this period, or null. It fires once per period (O5). */
      firedAt: string | null
    }
    AuditEntry: {
      /**
       * Format: date-time
       * @description RFC 3339, in UTC.
       */
      at: string
      /** @description `operator`, or the id of an admin. */
      actor: string
      /** @enum {string} */
      action:
        | 'org.create'
        | 'org.update'
        | 'org.delete'
        | 'org.repair'
        | 'member.put'
        | 'member.remove'
        | 'key.create'
        | 'key.revoke'
        | 'alert.create'
        | 'alert.update'
        | 'alert.delete'
        | 'user_alerts.update'
        | 'user_limits.update'
        | 'custom_limit.put'
        | 'custom_limit.delete'
        | 'adjustment.create'
        | 'channel.create'
        | 'channel.update'
        | 'channel.delete'
        | 'notification.redeliver'
      /** @description The id of the changed entry. */
      target: string
      /** @description The entry before, as the API showed it; null if there was none. */
      before: unknown
      /** @description The entry after, as the API shows it; null if it was deleted. */
      after: unknown
    }
    MemberSettings: {
      /** @description an email address, or null */
      email?: string | null
      /** @description a text of one line that is not empty, or null */
      name?: string | null
      /** @enum {string} */
      role?: 'admin' | 'member'
    }
    Member: {
      /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
      user: string
      /** @description Address for mail; null: none. */
      email: string | null
      name: string | null
      /** @enum {string} */
      role: 'admin' | 'member'
    }
    CustomLimitSettings: {
      /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
      user?: string
      /** @description a whole number of credits from 0 to 1000000000, or null for unlimited */
      limit: number | null
    }
    CustomLimit: {
      /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
      user: string
      /** @description Credits; null is unlimited. */
      limit: number | null
    }
    ListedCustomLimit: {
      /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
      user: string
      /** @description Credits; null is unlimited. */
      limit: number | null
      /** @description The name of the user. Null for a user without a name, or who is no longer a member. */
      name: string | null
    }
    NewChannel: {
      /** @enum {string} */
      kind: 'webhook' | 'slack'
      /** @description https, without credentials. For Slack, an incoming webhook of hooks.slack.com. The operator may allow others. */
      url: string
      /** @description a text of one line that is not empty, or null */
      name?: string | null
      /** @description Default true. */
      enabled?: boolean
    }
    ChannelPatch: {
      /** @description https, without credentials. For Slack, an incoming webhook of hooks.slack.com. The operator may allow others. */
      url?: string
      /** @description a text of one line that is not empty, or null */
      name?: string | null
      enabled?: boolean
      /** @description A webhook gets a new secret, which only this response shows. For 24 hours messages are signed with the old one, too. */
      rotateSecret?: boolean
    }
    Channel: {
      id: string
      /** @enum {string} */
      kind: 'webhook' | 'slack'
      /** @description A name for people. */
      name: string | null
      /** @description The URL for notifications. Slack’s URL is a secret, so only its host and its end are shown. */
      url: string
      /** @description Notifications that occur while it is off are not sent to it later. */
      enabled: boolean
      /** @description Until then, messages are also signed with the secret before the last rotation. */
      previousSecretUntil: string | null
      /**
       * Format: date-time
       * @description RFC 3339, in UTC.
       */
      createdAt: string
    }
    ChannelWithSecret: {
      id: string
      /** @enum {string} */
      kind: 'webhook' | 'slack'
      /** @description A name for people. */
      name: string | null
      /** @description The URL for notifications. Slack’s URL is a secret, so only its host and its end are shown. */
      url: string
      /** @description Notifications that occur while it is off are not sent to it later. */
      enabled: boolean
      /** @description Until then, messages are also signed with the secret before the last rotation. */
      previousSecretUntil: string | null
      /**
       * Format: date-time
       * @description RFC 3339, in UTC.
       */
      createdAt: string
      /** @description The secret with which a webhook’s messages are signed. It is never shown again. */
      secret?: string
    }
    ChannelTest: {
      /** @enum {string} */
      status: 'sent' | 'failed'
      /** @description The error, for people. */
      error: string | null
    }
    ListedDelivery: {
      /** @enum {string} */
      channel: 'email' | 'webhook' | 'slack'
      /** @description A user for email, else the id of a channel; null without a recipient. */
      recipient: string | null
      /** @enum {string} */
      state: 'queued' | 'sent' | 'failed' | 'parked' | 'no_recipients'
      /** @description Attempts since it was last queued. */
      attempts: number
      /** @description Why the last attempt failed, or why there is no recipient. */
      error: string | null
      /**
       * Format: date-time
       * @description When it entered this state.
       */
      at: string
      /** @description With `email`, the name of the user. Null for a user without a name or who is no longer a member, and for channels. */
      name: string | null
    }
    DriftCheck: {
      /** @description Whether to correct differences. Default false. */
      repair?: boolean
    }
    DriftReport: {
      checkedUsers: number
      /** @description At most 1000 of them. */
      differences: {
        /** @description Null for the organization’s own counters. */
        user: string | null
        /** @description `used:<source>` and `held:<source>` of a user, `usage:<source>|<model>` of a user in the period, `index` (the rank among users by usage); `used` and `held` of the organization. */
        counter: string
        /** @description Credits, with up to six decimals. */
        stored: number
        /** @description Credits, with up to six decimals. */
        recomputed: number
      }[]
      /** @description How many counters differed. */
      found: number
      /** @description How many of them were corrected. */
      repaired: number
      /** @description False if too many calls were in flight to compare the organization’s own `held`. Then repeat the check with fewer calls in flight. */
      complete: boolean
    }
    Gateway: {
      /** @description Base URL of the data plane: `listen.publicUrl`, or the address it listens on. */
      dataUrl: string | null
      upstreams: {
        name: string
        /** @enum {string} */
        family: 'openai' | 'anthropic' | 'gemini' | 'generic'
        /** @description Path of its API on the data plane. */
        prefix: string
      }[]
    }
    NewKey: {
      /** @description a text of one line that is not empty */
      name: string
      /** @description the id of a member, or null */
      user?: string | null
      /** @description Whether the calls name their user, in `x-tollgate-user`. Default false. */
      app?: boolean
      /** @description The sources that a call may name; the first is the default. Default `["chat"]`. */
      sources?: ('chat' | 'workflow' | 'agent_deployment')[]
      /** @enum {string} */
      scope?: 'traffic' | 'admin'
    }
    Key: {
      id: string
      /** @description a text of one line that is not empty */
      name: string
      /** @description The owner; null if every call names its user. */
      user: string | null
      /** @description Whether the calls name their user. */
      app: boolean
      /** @description The first is the default of a call. */
      sources: ('chat' | 'workflow' | 'agent_deployment')[]
      /** @enum {string} */
      scope: 'traffic' | 'admin'
      /** @description The key’s first characters, which identify it for people. */
      hint: string
      /**
       * Format: date-time
       * @description RFC 3339, in UTC.
       */
      createdAt: string
    }
    CreatedKey: {
      id: string
      /** @description a text of one line that is not empty */
      name: string
      /** @description The owner; null if every call names its user. */
      user: string | null
      /** @description Whether the calls name their user. */
      app: boolean
      /** @description The first is the default of a call. */
      sources: ('chat' | 'workflow' | 'agent_deployment')[]
      /** @enum {string} */
      scope: 'traffic' | 'admin'
      /** @description The key’s first characters, which identify it for people. */
      hint: string
      /**
       * Format: date-time
       * @description RFC 3339, in UTC.
       */
      createdAt: string
      /** @description The key itself. It is never shown again. */
      key: string
    }
    Me: {
      /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
      user: string
      /** @description 1 to 63 characters of a-z, 0-9 and - */
      org: string
      name: string | null
      /** @enum {string} */
      role: 'admin' | 'member'
      period: {
        /**
         * Format: date-time
         * @description RFC 3339, in UTC.
         */
        start: string
        /**
         * Format: date-time
         * @description RFC 3339, in UTC.
         */
        end: string
        /** @description The organization’s zone, in which days and periods begin. */
        timezone: string
      }
      /** @description Whether the organization hides amounts from its members. Then the response has none of the amounts below. */
      amountsHidden: boolean
      /** @description Credits, with up to six decimals. */
      used?: number
      /** @description Credits, with up to six decimals. */
      counted?: number
      /** @description Credits, with up to six decimals. */
      held?: number
      /** @description Null when unlimited. */
      limit?: number | null
      /** @description Null when unlimited. */
      remaining?: number | null
      /** @description With `by=day`: days of the period with usage, as far as they are kept. */
      days?: {
        /** @description The day in the organization’s zone, such as `2026-12-01`. */
        key: string
        /** @description Credits, with up to six decimals. */
        credits: number
        calls: number
        inputTokens: number
        outputTokens: number
      }[]
    }
    Notification: {
      /** @description the id of a notification */
      id: string
      /** @enum {string} */
      type: 'org.alert.crossed' | 'user.alert.crossed' | 'user.limit.reached'
      /** @description The user who crossed it; null for the organization. */
      user: string | null
      /** @description The name of the user; null for a user without a name, or who is no longer a member. */
      name: string | null
      /** @description The alert of the organization that fired. */
      alert: string | null
      thresholdType: ('percentage' | 'absolute') | null
      /** @description A percentage, or credits. */
      threshold: number
      /** @description The threshold in credits. */
      mark: number
      /** @description Used when it was crossed. */
      used: number
      period: {
        /** Format: date-time */
        start: string
        /** Format: date-time */
        end: string
      }
      /** Format: date-time */
      occurredAt: string
      /** @description The number of its deliveries in each state; zero before the recipients were determined. */
      counts: {
        /** @description Queued. */
        queued: number
        /** @description Sent. */
        sent: number
        /** @description Failed, and will be retried. */
        failed: number
        /** @description Failed, and will not be retried. */
        parked: number
        /** @description No recipient, or a recipient without an address. */
        no_recipients: number
      }
      /** @description Empty before the recipients were determined. Of more than 100, any 100: `/deliveries` lists them all. */
      deliveries: {
        /** @enum {string} */
        channel: 'email' | 'webhook' | 'slack'
        /** @description A user for email, else the id of a channel; null without a recipient. */
        recipient: string | null
        /** @enum {string} */
        state: 'queued' | 'sent' | 'failed' | 'parked' | 'no_recipients'
        /** @description Attempts since it was last queued. */
        attempts: number
        /** @description Why the last attempt failed, or why there is no recipient. */
        error: string | null
        /**
         * Format: date-time
         * @description When it entered this state.
         */
        at: string
      }[]
    }
    /** @description "month", "week" or {"days": 1 to 366} */
    BillingEvery:
      | 'month'
      | 'week'
      | {
          days: number
        }
    NewOrg: {
      /** @description 1 to 63 characters of a-z, 0-9 and - */
      id: string
      /** @description a text of one line that is not empty */
      name?: string
      allowance?: number
      /** @enum {string} */
      admission?: 'strict' | 'straddle'
      autoEnroll?: boolean
      maxMembers?: number
      billing?: {
        every?: components['schemas']['BillingEvery']
        /** @description The day on which a period begins: of the month 1 to 31 (the last day of shorter months), of the week 1 (Monday) to 7, else from 1 to the number of days. */
        anchor?: number
        /** @description An IANA time zone, such as Europe/Berlin. */
        timezone?: string
      }
    }
    OrgPatch: {
      /** @description a text of one line that is not empty */
      name?: string
      allowance?: number
      /** @enum {string} */
      admission?: 'strict' | 'straddle'
      autoEnroll?: boolean
      maxMembers?: number
      billing?: {
        every?: components['schemas']['BillingEvery']
        /** @description The day on which a period begins: of the month 1 to 31 (the last day of shorter months), of the week 1 (Monday) to 7, else from 1 to the number of days. */
        anchor?: number
        /** @description An IANA time zone, such as Europe/Berlin. */
        timezone?: string
      }
    }
    BillingSchedule: {
      every: components['schemas']['BillingEvery']
      /** @description The day on which a period begins: of the month 1 to 31 (the last day of shorter months), of the week 1 (Monday) to 7, else from 1 to the number of days. */
      anchor: number
      timezone: string
    }
    /** @description Its first instant, and the first instant after it. */
    Period: {
      /**
       * Format: date-time
       * @description RFC 3339, in UTC.
       */
      start: string
      /**
       * Format: date-time
       * @description RFC 3339, in UTC.
       */
      end: string
    }
    Org: {
      /** @description 1 to 63 characters of a-z, 0-9 and - */
      id: string
      name: string
      /** @description Credits for a period; percentage alerts are relative to it. */
      allowance: number
      /**
       * @description `strict` admits a call only if its worst case fits; `straddle` while any credit is neither counted nor held, so that at most one call at a time may pass the limit (C4).
       * @enum {string}
       */
      admission: 'strict' | 'straddle'
      /** @description Whether app keys may add users whom the organization does not know (A5). */
      autoEnroll: boolean
      /** @description The number of members up to which app keys may add users. */
      maxMembers: number
      billing: components['schemas']['BillingSchedule']
      /** @description The schedule that takes effect when the current period ends (P4); null: no change. */
      billingNext: components['schemas']['BillingSchedule'] | null
      period: components['schemas']['Period']
      /** @description Credits, with up to six decimals. */
      used: number
      /** @description Credits set aside for calls in flight. */
      held: number
    }
    SignIn: {
      /** @description A key of scope `admin`. */
      key: string
    }
    Session: {
      /** @description 1 to 63 characters of a-z, 0-9 and - */
      org: string
      /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
      user: string
      name: string | null
      /** @enum {string} */
      role: 'admin' | 'member'
      /** @description The value of `x-tollgate-csrf` for every write by this session. */
      csrf: string
      /**
       * Format: date-time
       * @description RFC 3339, in UTC.
       */
      expiresAt: string
    }
    UsageItem: {
      /** @description A user, a source, a model, or a day such as `2026-12-01`. */
      key: string
      /** @description Only with `by=user`: the name of the user. Null for a user without a name, or who is no longer a member. */
      name?: string | null
      /** @description Credits, with up to six decimals. */
      credits: number
      /** @description Calls that were charged; adjustments do not count. */
      calls: number
      inputTokens: number
      outputTokens: number
    }
    UsageTotal: {
      /** @description Credits, with up to six decimals. */
      credits: number
      /** @description Calls that were charged; adjustments do not count. */
      calls: number
      inputTokens: number
      outputTokens: number
    }
    BillingPeriod: {
      /** @description Counts up by one with each period. */
      no: number
      /**
       * Format: date-time
       * @description RFC 3339, in UTC.
       */
      start: string
      /**
       * Format: date-time
       * @description RFC 3339, in UTC.
       */
      end: string
      /** @description Its first day, a value for `from` of the usage. */
      from: string
      /** @description Its last day. */
      to: string
      /** @description Credits, with up to six decimals. */
      used: number
    }
    UserAlertsSettings: {
      enabled: boolean
      /** @description A user’s usage in a period, of all sources, in credits. */
      threshold: number
      recipients?: components['schemas']['Recipients']
      notifyUser?: boolean
    }
    UserAlerts: {
      /** @description If false, the other settings are kept, but have no effect (L9). */
      enabled: boolean
      /** @description A user’s usage in a period, of all sources, in credits. */
      threshold: number
      recipients: components['schemas']['Recipients']
      /** @description Whether the user who reached it is told, too. */
      notifyUser: boolean
    }
    UserLimitsSettings: {
      enabled: boolean
      default: number
      recipients?: components['schemas']['Recipients']
      exclude?: {
        agent_deployment?: boolean
        workflow?: boolean
      }
      explanation?: {
        /** @description a text of at most 2000 characters, or null */
        text?: string | null
        /** @description a text of one line that is not empty, or null */
        contact?: string | null
        hideAmounts?: boolean
      }
    }
    UserLimits: {
      /** @description If false, the other settings are kept, but have no effect (L9). */
      enabled: boolean
      /** @description Credits for every user without a custom limit. 0 blocks every paid call. */
      default: number
      recipients: components['schemas']['Recipients']
      /** @description Sources whose calls neither count towards the limit nor are refused by it (L5). */
      exclude: {
        agent_deployment: boolean
        workflow: boolean
      }
      /** @description The text of a refusal (E3). */
      explanation: {
        /** @description Follows the built-in text of a refusal. May hold {user} {limit} {used} {counted} {remaining} {resets_at} {contact} {org}. */
        text: string | null
        /** @description Whom a refused user should ask. */
        contact: string | null
        /** @description No refusal and no header has amounts. */
        hideAmounts: boolean
      }
    }
    UserUse: {
      /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
      user: string
      /** @description Null for a user without a name, or who is no longer a member. */
      name: string | null
      /** @description Credits charged in this period, all sources. */
      used: number
      /** @description The part of it that counts towards the limit (L5). */
      counted: number
      /** @description Credits set aside for calls in flight. */
      held: number
      /** @description Null: no limit. */
      limit: number | null
      /** @description Whether the limit is reached. */
      exceeding: boolean
    }
  }
  responses: {
    /** @description `invalid_request`: The request is not valid. */
    '400.invalid_request': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'invalid_request'
        }
      }
    }
    /** @description `invalid_credentials`: Not signed in. */
    '401.invalid_credentials': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        'WWW-Authenticate': components['headers']['WWW-Authenticate']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'invalid_credentials'
        }
      }
    }
    /** @description `cross_origin`: Asked for by another site. */
    '403.cross_origin': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'cross_origin'
        }
      }
    }
    /** @description `forbidden`: Not allowed. `csrf_required`: Not shown to come from the page. `cross_origin`: Asked for by another site. */
    '403.forbidden.csrf_required.cross_origin': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'forbidden' | 'csrf_required' | 'cross_origin'
        }
      }
    }
    /** @description `not_found`: Not found. */
    '404.not_found': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'not_found'
        }
      }
    }
    /** @description `already_exists`: It exists already. `being_deleted`: It is being deleted. */
    '409.already_exists.being_deleted': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'already_exists' | 'being_deleted'
        }
      }
    }
    /** @description `nothing_to_redeliver`: Nothing to send again. `delivery_off`: Deliveries are not made here. */
    '409.nothing_to_redeliver.delivery_off': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'nothing_to_redeliver' | 'delivery_off'
        }
      }
    }
    /** @description `save_conflict`: Others save it at the same time. */
    '409.save_conflict': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'save_conflict'
        }
      }
    }
    /** @description `save_conflict`: Others save it at the same time. `last_admin`: The last admin. */
    '409.save_conflict.last_admin': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'save_conflict' | 'last_admin'
        }
      }
    }
    /** @description `too_many`: There are as many as there may be. */
    '409.too_many': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'too_many'
        }
      }
    }
    /** @description `precondition_failed`: It was changed meanwhile. */
    '412.precondition_failed': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        ETag: components['headers']['ETag.optional']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'precondition_failed'
        }
      }
    }
    /** @description `body_too_large`: The body is too large. */
    '413.body_too_large': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'body_too_large'
        }
      }
    }
    /** @description `unsupported_media_type`: Not JSON. */
    '415.unsupported_media_type': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'unsupported_media_type'
        }
      }
    }
    /** @description `not_a_member`: Not a member. */
    '422.not_a_member': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'not_a_member'
        }
      }
    }
    /** @description `not_a_member`: Not a member. `usage_below_zero`: Usage would fall below 0. `usage_too_large`: Usage would be too large to count. `idempotency_key_reused`: The idempotency key stands for something else. */
    '422.not_a_member.usage_below_zero.usage_too_large.idempotency_key_reused': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'not_a_member' | 'usage_below_zero' | 'usage_too_large' | 'idempotency_key_reused'
        }
      }
    }
    /** @description `not_an_admin`: Not an admin. */
    '422.not_an_admin': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'not_an_admin'
        }
      }
    }
    /** @description `too_many_failures`: Too many failed attempts. */
    '429.too_many_failures': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        'Retry-After': components['headers']['Retry-After']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'too_many_failures'
        }
      }
    }
    /** @description `too_many_failures`: Too many failed attempts. `too_many_tests`: Too many tests of channels. */
    '429.too_many_failures.too_many_tests': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        'Retry-After': components['headers']['Retry-After']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'too_many_failures' | 'too_many_tests'
        }
      }
    }
    /** @description `internal_error`: Something went wrong here. */
    '500.internal_error': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'internal_error'
        }
      }
    }
    /** @description `credit_store_unavailable`: The credit store cannot be reached. */
    '503.credit_store_unavailable': {
      headers: {
        'X-Request-Id': components['headers']['X-Request-Id']
        'Retry-After': components['headers']['Retry-After']
        [name: string]: unknown
      }
      content: {
        'application/problem+json': components['schemas']['Problem'] & {
          /** @enum {string} */
          code: 'credit_store_unavailable'
        }
      }
    }
  }
  parameters: {
    /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
    Csrf: string
  }
  requestBodies: never
  headers: {
    /** @description Identifies this request in the logs of the gateway: the id that the caller sent, or a new one. */
    'X-Request-Id': string
    /** @description Identifies this request in the logs of the gateway: the id that the caller sent, or a new one. */
    'X-Request-Id.optional': string
    /** @description A strong tag of the settings in the body, for `If-Match`. Values that change by themselves, such as usage, do not change it. */
    ETag: string
    /** @description A strong tag of the settings in the body, for `If-Match`. Values that change by themselves, such as usage, do not change it. */
    'ETag.optional': string
    /** @description The path of the new resource. */
    Location: string
    /** @description The path of the new resource. */
    'Location.optional': string
    /** @description Seconds to wait before a retry. */
    'Retry-After': string
    /** @description Seconds to wait before a retry. */
    'Retry-After.optional': string
    /** @description Always `Bearer`. */
    'WWW-Authenticate': string
    /** @description Always `Bearer`. */
    'WWW-Authenticate.optional': string
    /** @description A name for the file. */
    'Content-Disposition': string
    /** @description A name for the file. */
    'Content-Disposition.optional': string
    /** @description The cookie of the session. */
    'Set-Cookie': string
    /** @description The cookie of the session. */
    'Set-Cookie.optional': string
  }
  pathItems: never
}
export type $defs = Record<string, never>
export interface operations {
  getMetrics: {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The text format of Prometheus. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'text/plain': string
        }
      }
      /** @description A worker did not respond in time: the metrics of the others, or none. */
      503: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'text/plain': string
        }
      }
    }
  }
  getHealth: {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The process is up. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            /** @constant */
            status: 'ok'
          }
        }
      }
    }
  }
  getReadiness: {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The store answers, and the process is not stopping. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            /** @constant */
            status: 'ready'
          }
        }
      }
      /** @description Send no traffic. */
      503: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            /** @constant */
            status: 'not ready'
            /** @description Why, for people. */
            reason: string | null
          }
        }
      }
    }
  }
  getDocument: {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The OpenAPI document. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            [key: string]: unknown
          }
        }
      }
    }
  }
  getSession: {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The session; this request extends it. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Session']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  signIn: {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['SignIn']
      }
    }
    responses: {
      /** @description Signed in. */
      201: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          'Set-Cookie': components['headers']['Set-Cookie']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Session']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.cross_origin']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  signOut: {
    parameters: {
      query?: never
      header?: {
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The session has ended. */
      204: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          'Set-Cookie': components['headers']['Set-Cookie']
          [name: string]: unknown
        }
        content?: never
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getMe: {
    parameters: {
      query?: {
        /** @description With `day`, the response has `days`. */
        by?: 'day'
      }
      header?: never
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description As of now. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Me']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listOrgs: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
      }
      header?: never
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page of organizations, in order of their ids. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['Org'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  createOrg: {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['NewOrg']
      }
    }
    responses: {
      /** @description Created. */
      201: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          Location: components['headers']['Location']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Org']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.already_exists.being_deleted']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getOrg: {
    parameters: {
      query?: never
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The organization, with its current period and usage. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Org']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  deleteOrg: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description Deleted. */
      204: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content?: never
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict']
      412: components['responses']['412.precondition_failed']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  changeOrg: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['OrgPatch']
      }
    }
    responses: {
      /** @description Changed. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Org']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict']
      412: components['responses']['412.precondition_failed']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listMembers: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
        /** @description Only those with this in their id, name or email address, in any case. */
        q?: string
        /** @description Only those of this role. */
        role?: 'admin' | 'member'
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page of members, in order of their ids. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['Member'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getMember: {
    parameters: {
      query?: never
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
        user: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The member. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Member']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  putMember: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
        user: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['MemberSettings']
      }
    }
    responses: {
      /** @description Replaced. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Member']
        }
      }
      /** @description Added. */
      201: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Member']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict.last_admin']
      412: components['responses']['412.precondition_failed']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  removeMember: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
        user: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description Removed. */
      204: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content?: never
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict.last_admin']
      412: components['responses']['412.precondition_failed']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listKeys: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page of keys, in order of their ids. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['Key'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  createKey: {
    parameters: {
      query?: never
      header?: {
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['NewKey']
      }
    }
    responses: {
      /** @description Created. Only this response has the key. */
      201: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['CreatedKey']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      422: components['responses']['422.not_a_member']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  revokeKey: {
    parameters: {
      query?: never
      header?: {
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description The id of a key. */
        id: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description Revoked. */
      204: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content?: never
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listAlerts: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page of alerts, in order of creation. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['Alert'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  createAlert: {
    parameters: {
      query?: never
      header?: {
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['NewAlert']
      }
    }
    responses: {
      /** @description Created. */
      201: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          Location: components['headers']['Location']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Alert']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.too_many']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      422: components['responses']['422.not_an_admin']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getAlert: {
    parameters: {
      query?: never
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description The id of an alert. */
        id: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The alert. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Alert']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  deleteAlert: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description The id of an alert. */
        id: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description Deleted. */
      204: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content?: never
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict']
      412: components['responses']['412.precondition_failed']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  changeAlert: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description The id of an alert. */
        id: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['AlertPatch']
      }
    }
    responses: {
      /** @description Changed. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Alert']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict']
      412: components['responses']['412.precondition_failed']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      422: components['responses']['422.not_an_admin']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getUserAlerts: {
    parameters: {
      query?: never
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The alert. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['UserAlerts']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  putUserAlerts: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['UserAlertsSettings']
      }
    }
    responses: {
      /** @description Saved. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['UserAlerts']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict']
      412: components['responses']['412.precondition_failed']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      422: components['responses']['422.not_an_admin']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getUserLimits: {
    parameters: {
      query?: never
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The limits. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['UserLimits']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  putUserLimits: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['UserLimitsSettings']
      }
    }
    responses: {
      /** @description Saved. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['UserLimits']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict']
      412: components['responses']['412.precondition_failed']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      422: components['responses']['422.not_an_admin']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listCustomLimits: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page of custom limits, in order of the users’ ids. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['ListedCustomLimit'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getCustomLimit: {
    parameters: {
      query?: never
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
        user: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The custom limit. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['CustomLimit']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  putCustomLimit: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
        user: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['CustomLimitSettings']
      }
    }
    responses: {
      /** @description Saved. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['CustomLimit']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict']
      412: components['responses']['412.precondition_failed']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  deleteCustomLimit: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
        user: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description Deleted. */
      204: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content?: never
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict']
      412: components['responses']['412.precondition_failed']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listUsers: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
        /** @description Whether only users at or past their limit. */
        exceeding?: 'true' | 'false'
        /** @description Only those with this in their id, name or email address, in any case. */
        q?: string
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page of users. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['UserUse'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getUsage: {
    parameters: {
      query?: {
        /** @description First day. Default: that of the current billing period. */
        from?: string
        /** @description Last day, included. Default: that of the current period. */
        to?: string
        /** @description The breakdown: one item for each of these. Default: `user`. */
        by?: 'user' | 'source' | 'model' | 'day'
        /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
        user?: string
        /** @description Only those with this in their id, name or email address, in any case. */
        q?: string
        /** @description With `csv`, the whole result as one file. */
        format?: 'json' | 'csv'
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description Usage of the range. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          'Content-Disposition': components['headers']['Content-Disposition.optional']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['UsageItem'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
            /** @description A day in the zone of the organization, such as `2026-12-01`. */
            from: string
            /** @description A day in the zone of the organization, such as `2026-12-01`. */
            to: string
            total: components['schemas']['UsageTotal']
          }
          'text/csv': string
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listPeriods: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page of periods. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['BillingPeriod'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listChannels: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page of channels, in order of creation. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['Channel'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  createChannel: {
    parameters: {
      query?: never
      header?: {
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['NewChannel']
      }
    }
    responses: {
      /** @description Added. Only this response has the secret of a webhook. */
      201: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['ChannelWithSecret']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.too_many']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getChannel: {
    parameters: {
      query?: never
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description The id of a channel. */
        id: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The channel. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Channel']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  deleteChannel: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description The id of a channel. */
        id: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description Removed. */
      204: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content?: never
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict']
      412: components['responses']['412.precondition_failed']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  changeChannel: {
    parameters: {
      query?: never
      header?: {
        /** @description The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version. */
        'if-match'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description The id of a channel. */
        id: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['ChannelPatch']
      }
    }
    responses: {
      /** @description Changed. With `rotateSecret`, only this response has the new secret. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          ETag: components['headers']['ETag']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['ChannelWithSecret']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.save_conflict']
      412: components['responses']['412.precondition_failed']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  testChannel: {
    parameters: {
      query?: never
      header?: {
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description The id of a channel. */
        id: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The result. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['ChannelTest']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures.too_many_tests']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  createAdjustment: {
    parameters: {
      query?: never
      header?: {
        /** @description Any text. If it is sent again with the same body within two days, nothing is done and the first response is returned. */
        'idempotency-key'?: string
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['NewAdjustment']
      }
    }
    responses: {
      /** @description Adjusted. */
      201: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Adjustment']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      422: components['responses']['422.not_a_member.usage_below_zero.usage_too_large.idempotency_key_reused']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listNotifications: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
        /** @description Only those with a delivery in this state. */
        state?: 'queued' | 'sent' | 'failed' | 'parked' | 'no_recipients'
        /** @description Only those of this type. */
        type?: 'org.alert.crossed' | 'user.alert.crossed' | 'user.limit.reached'
        /** @description a whole number from 0 to 100: the most deliveries to show of each; 100 by default */
        deliveries?: string
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page of notifications, newest first. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['Notification'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getNotification: {
    parameters: {
      query?: never
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description the id of a notification */
        id: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The notification. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Notification']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  redeliverNotification: {
    parameters: {
      query?: {
        /** @description With `recipient`: only this delivery, if it failed or was parked. */
        channel?: 'email' | 'webhook' | 'slack'
        /** @description the recipient of a delivery: a user for email, else the id of a channel */
        recipient?: string
      }
      header?: {
        /** @description With a session, and only then: the `csrf` that `GET /v1/session` shows. */
        'x-tollgate-csrf'?: components['parameters']['Csrf']
      }
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description the id of a notification */
        id: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description Queued again. */
      202: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Notification']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      409: components['responses']['409.nothing_to_redeliver.delivery_off']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listDeliveries: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
        /** @description Only those in this state. */
        state?: 'queued' | 'sent' | 'failed' | 'parked' | 'no_recipients'
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
        /** @description the id of a notification */
        id: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page of deliveries, in order of channel and recipient. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['ListedDelivery'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listAudit: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
        /** @description Only changes of this kind. */
        action?:
          | 'org.create'
          | 'org.update'
          | 'org.delete'
          | 'org.repair'
          | 'member.put'
          | 'member.remove'
          | 'key.create'
          | 'key.revoke'
          | 'alert.create'
          | 'alert.update'
          | 'alert.delete'
          | 'user_alerts.update'
          | 'user_limits.update'
          | 'custom_limit.put'
          | 'custom_limit.delete'
          | 'adjustment.create'
          | 'channel.create'
          | 'channel.update'
          | 'channel.delete'
          | 'notification.redeliver'
        /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
        actor?: string
        /** @description the id of what was changed */
        target?: string
        /** @description `csv` and `jsonl` return all matching entries as one file; `limit` and `cursor` are for pages. */
        format?: 'json' | 'csv' | 'jsonl'
      }
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page, or with `format` a file of all entries. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          'Content-Disposition': components['headers']['Content-Disposition.optional']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['AuditEntry'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
          'text/csv': string
          'application/jsonl': string
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  listOperatorAudit: {
    parameters: {
      query?: {
        /** @description a whole number from 1 to 200 */
        limit?: string
        /** @description the `next` of the page before */
        cursor?: string
        /** @description Only changes of this kind. */
        action?:
          | 'org.create'
          | 'org.update'
          | 'org.delete'
          | 'org.repair'
          | 'member.put'
          | 'member.remove'
          | 'key.create'
          | 'key.revoke'
          | 'alert.create'
          | 'alert.update'
          | 'alert.delete'
          | 'user_alerts.update'
          | 'user_limits.update'
          | 'custom_limit.put'
          | 'custom_limit.delete'
          | 'adjustment.create'
          | 'channel.create'
          | 'channel.update'
          | 'channel.delete'
          | 'notification.redeliver'
        /** @description 1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ - */
        actor?: string
        /** @description the id of what was changed */
        target?: string
        /** @description `csv` and `jsonl` return all matching entries as one file; `limit` and `cursor` are for pages. */
        format?: 'json' | 'csv' | 'jsonl'
      }
      header?: never
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description A page, or with `format` a file of all entries. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          'Content-Disposition': components['headers']['Content-Disposition.optional']
          [name: string]: unknown
        }
        content: {
          'application/json': {
            items: components['schemas']['AuditEntry'][]
            /** @description The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none. */
            next: string | null
          }
          'text/csv': string
          'application/jsonl': string
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  checkDrift: {
    parameters: {
      query?: never
      header?: never
      path: {
        /** @description 1 to 63 characters of a-z, 0-9 and - */
        org: string
      }
      cookie?: never
    }
    requestBody: {
      content: {
        'application/json': components['schemas']['DriftCheck']
      }
    }
    responses: {
      /** @description The differences. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['DriftReport']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      413: components['responses']['413.body_too_large']
      415: components['responses']['415.unsupported_media_type']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
  getGateway: {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    requestBody?: never
    responses: {
      /** @description The data plane and the APIs behind it. */
      200: {
        headers: {
          'X-Request-Id': components['headers']['X-Request-Id']
          [name: string]: unknown
        }
        content: {
          'application/json': components['schemas']['Gateway']
        }
      }
      400: components['responses']['400.invalid_request']
      401: components['responses']['401.invalid_credentials']
      403: components['responses']['403.forbidden.csrf_required.cross_origin']
      404: components['responses']['404.not_found']
      429: components['responses']['429.too_many_failures']
      500: components['responses']['500.internal_error']
      503: components['responses']['503.credit_store_unavailable']
    }
  }
}
