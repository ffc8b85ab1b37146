/** The commands of the command line: each makes a few calls to the admin API. */
import type { Commands } from './command.ts'
import { ALERTS } from './commands/alerts.ts'
import { LIMITS } from './commands/limits.ts'
import { KEYS, MEMBERS } from './commands/members.ts'
import { ORGS } from './commands/orgs.ts'
import { USE } from './commands/use.ts'

/** Commands by the words that invoke them. */
export const COMMANDS: Commands = { ...ORGS, ...MEMBERS, ...KEYS, ...LIMITS, ...ALERTS, ...USE }
