/** What the command line for people can do: each command is a few calls of the admin API. */
import type { Commands } from './command.ts'
import { ALERTS } from './commands/alerts.ts'
import { LIMITS } from './commands/limits.ts'
import { KEYS, MEMBERS } from './commands/members.ts'
import { ORGS } from './commands/orgs.ts'
import { USE } from './commands/use.ts'

/** By the words that call them. */
export const COMMANDS: Commands = { ...ORGS, ...MEMBERS, ...KEYS, ...LIMITS, ...ALERTS, ...USE }
