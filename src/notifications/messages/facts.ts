/**
 * The content of a notice in plain words, shared by all channels (N3): who, what, usage of threshold or limit, period,
 * reset, next step. The texts are lines of plain text; each channel escapes them for its format.
 */
import type { Crossing, Notice } from '../channels/channel.ts'
import { amount, creditsOf, days, instant, percentOf, subjectLine, typed } from './words.ts'

export interface Row {
  readonly label: string
  readonly value: string
}

export interface Link {
  readonly label: string
  readonly url: string
}

export interface Bar {
  /** 0 to 100: how much of the bar is filled. */
  readonly filled: number
  /** `danger` if usage is past its limit or allowance. */
  readonly tone: 'warning' | 'danger'
  readonly caption: string
}

export interface Facts {
  readonly subject: string
  readonly headline: string
  /** What happened, in a sentence or two. */
  readonly summary: string
  /** Null if the reader must not see amounts. */
  readonly bar: Bar | null
  readonly rows: readonly Row[]
  /** What to do now. */
  readonly nextStep: string
  /** Links to the page with the details; empty if the page's URL is not configured. */
  readonly links: readonly Link[]
  /** Why the reader got this message, for its last line. */
  readonly footer: string
  readonly isTest: boolean
}

type Story = Pick<Facts, 'headline' | 'summary' | 'bar' | 'nextStep'> & {
  readonly subject: string
  readonly rows: readonly Row[]
}

/**
 * `reader` is the id of the user who reads the notice, if it goes to a user: if the notice is about them, it says
 * “you”.
 */
export function factsOf(notice: Notice, reader: string | null): Facts {
  const { crossing, timezone } = notice
  const isTest = notice.test === true
  const isMeant = reader !== null && reader === crossing.user
  const story = storyOf(notice, isMeant)
  const orgName = typed(notice.orgName)
  return {
    ...story,
    subject: subjectLine(isTest ? `[Test] ${story.subject}` : story.subject),
    rows: [
      { label: 'Organization', value: orgName },
      ...story.rows,
      { label: 'Billing period', value: days(crossing.period, timezone) },
      { label: 'Resets', value: instant(crossing.period.end, timezone) },
    ],
    links: linksOf(notice, isMeant),
    footer: isTest
      ? 'This is a test that an admin sent to see whether notices arrive. Nothing was crossed, and its figures are made up.'
      : `${whyTold(orgName, reader, isMeant)} Recorded ${instant(crossing.occurredAt, timezone)}. Notice ${crossing.id}.`,
    isTest,
  }
}

function whyTold(orgName: string, reader: string | null, isMeant: boolean): string {
  if (reader === null) return 'Sent by Tollgate.'
  return isMeant
    ? 'Sent by Tollgate to you, because it is about your own usage.'
    : `Sent by Tollgate to you as an admin of ${orgName}.`
}

function storyOf(notice: Notice, isMeant: boolean): Story {
  if (notice.hideAmounts === true) return ownWithoutAmounts(notice)
  switch (notice.crossing.type) {
    case 'org.alert.crossed':
      return orgAlert(notice)
    case 'user.alert.crossed':
      return isMeant ? ownAlert(notice) : userAlert(notice)
    case 'user.limit.reached':
      return isMeant ? ownLimit(notice) : userLimit(notice)
  }
}

function orgAlert({ crossing, orgName }: Notice): Story {
  const { used, mark, threshold, allowance } = crossing
  const org = typed(orgName)
  const isShare = crossing.thresholdType === 'percentage'
  const what = isShare ? `${threshold}% of its credit allowance` : creditsOf(mark)
  const alertAt = isShare ? `${threshold}%, which is ${creditsOf(mark)}` : creditsOf(mark)
  const isOver = allowance !== undefined && used >= allowance
  return {
    subject: `${org} has used ${what}`,
    headline: `${org} has used ${what}`,
    summary: `Usage in this billing period reached ${creditsOf(used)}, and the alert is set at ${alertAt}.`,
    bar: usageBar(used, allowance ?? mark, isOver ? 'danger' : 'warning'),
    rows: [
      { label: 'Usage', value: usageOf(used, allowance) },
      { label: 'Alert', value: alertAt },
    ],
    nextStep:
      'Nothing is blocked by this alert, and it does not fire again before the reset unless its threshold is changed. ' +
      'See who and what used the credits, and set a limit per user if that is too much.',
  }
}

function userAlert(notice: Notice): Story {
  const { used, threshold } = notice.crossing
  const who = userOf(notice)
  return {
    subject: `${who} has used ${creditsOf(threshold)} at ${typed(notice.orgName)}`,
    headline: `${who} has used ${creditsOf(threshold)}`,
    summary: `This user’s usage in this billing period reached ${creditsOf(used)}, and the alert is set at ${creditsOf(threshold)} for every user.`,
    bar: usageBar(used, threshold, 'warning'),
    rows: [userRow(notice), ...ownAlertRows(notice.crossing)],
    nextStep:
      'This alert blocks no calls. It fires once per user and billing period. ' +
      'Give this user a custom limit if the usage is more than it should be.',
  }
}

function ownAlert({ crossing, orgName }: Notice): Story {
  const { used, threshold } = crossing
  return {
    subject: `You have used ${creditsOf(threshold)} at ${typed(orgName)}`,
    headline: `You have used ${creditsOf(threshold)}`,
    summary: `Your usage in this billing period reached ${creditsOf(used)}, and your organization asked to notify you at ${creditsOf(threshold)}.`,
    bar: usageBar(used, threshold, 'warning'),
    rows: ownAlertRows(crossing),
    nextStep: 'You can go on working: this notice blocks nothing.',
  }
}

function userLimit(notice: Notice): Story {
  const { crossing } = notice
  const who = userOf(notice)
  const limit = limitOf(crossing)
  return {
    subject: `${who} has reached the limit of ${creditsOf(limit)} at ${typed(notice.orgName)}`,
    headline: `${who} has reached the credit limit`,
    summary: `${limitSentence(crossing)} This user’s calls that cost credits are refused until the limit is raised or the period resets.`,
    bar: usageBar(countedOf(crossing), limit, 'danger'),
    rows: [userRow(notice), ...limitRows(crossing)],
    nextStep:
      'Raise the limit or give this user a custom one, and the very next call passes. Or wait for the reset.',
  }
}

function ownLimit({ crossing, orgName }: Notice): Story {
  const limit = limitOf(crossing)
  return {
    subject: `You have reached your limit of ${creditsOf(limit)} at ${typed(orgName)}`,
    headline: 'You have reached your credit limit',
    summary: `${limitSentence(crossing)} Your calls that cost credits are refused until the limit is raised or the period resets.`,
    bar: usageBar(countedOf(crossing), limit, 'danger'),
    rows: limitRows(crossing),
    nextStep: 'To go on before the reset, ask an admin of your organization to raise your limit.',
  }
}

/** For a member whose organization hides amounts (E3): no figures, and no bar, which would reveal them. */
function ownWithoutAmounts({ crossing, orgName }: Notice): Story {
  const isLimit = crossing.type === 'user.limit.reached'
  const what = isLimit ? 'your credit limit' : 'the usage alert'
  return {
    subject: `You have reached ${what} at ${typed(orgName)}`,
    headline: `You have reached ${what}`,
    summary: isLimit
      ? 'Your calls that cost credits are refused until the limit is raised or the period resets.'
      : 'Your usage in this billing period reached the amount at which your organization asked to notify you.',
    bar: null,
    rows: [],
    nextStep: isLimit
      ? 'To go on before the reset, ask an admin of your organization to raise your limit.'
      : 'You can go on working: this notice blocks nothing.',
  }
}

const limitOf = ({ limit, mark }: Crossing): number => limit ?? mark
const countedOf = ({ counted, used }: Crossing): number => counted ?? used

function limitSentence(crossing: Crossing): string {
  const limit = limitOf(crossing)
  if (limit === 0) return 'The limit is 0 credits.'
  return `Usage in this billing period reached ${amount(countedOf(crossing))} of ${creditsOf(limit)}.`
}

function limitRows(crossing: Crossing): Row[] {
  const { used } = crossing
  const counted = countedOf(crossing)
  const rows = [{ label: 'Usage', value: `${amount(counted)} of ${creditsOf(limitOf(crossing))}` }]
  if (used !== counted) {
    const apart = 'including sources that do not count towards the limit'
    rows.push({ label: 'All usage', value: `${creditsOf(used)}, ${apart}` })
  }
  return rows
}

function ownAlertRows({ used, threshold }: Crossing): Row[] {
  return [
    { label: 'Usage', value: creditsOf(used) },
    { label: 'Alert', value: creditsOf(threshold) },
  ]
}

function usageOf(used: number, whole: number | undefined): string {
  if (whole === undefined || whole <= 0) return creditsOf(used)
  return `${amount(used)} of ${creditsOf(whole)}`
}

function usageBar(used: number, whole: number, tone: Bar['tone']): Bar {
  const percent = percentOf(used, whole)
  return {
    filled: Math.min(100, Math.max(0, percent)),
    tone,
    caption: whole <= 0 ? creditsOf(used) : `${percent}% of ${creditsOf(whole)}`,
  }
}

/** The user's name, or the id of a user without one. */
function userOf({ crossing, userName }: Notice): string {
  return typed(userName ?? crossing.user ?? 'A user')
}

/** Two users may have the same name, so the id is shown as well. */
function userRow({ crossing, userName }: Notice): Row {
  const id = typed(crossing.user ?? '', 128)
  return { label: 'User', value: userName === null ? id : `${typed(userName)} (${id})` }
}

/** Members get a link to their own usage at the page's root, admins to the panels concerned. */
function linksOf({ pageUrl }: Notice, isMeant: boolean): Link[] {
  if (pageUrl === null) return []
  const page = pageUrl.replace(/\/+$/, '')
  if (isMeant) return [{ label: 'See your usage', url: `${page}/` }]
  return [
    { label: 'Open limits and alerts', url: `${page}/limits` },
    { label: 'See usage', url: `${page}/usage` },
  ]
}
