/** What admins and the operator do in a sequence: settings, alerts, limits, members, adjustments. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Microcredits } from '../../src/core/units.ts'
import {
  changeOrg,
  deleteCustomLimit,
  putCustomLimit,
  putMember as putMemberOf,
  removeMember as removeMemberOf,
} from '../support/changes.ts'
import type { AlertSettings, LimitSettings, Model, Recipients } from './model.ts'
import { amount, pick, recipients, shown, source, step, user, type Step } from './steps.ts'
import { CREDIT } from './system.ts'

const wholeLimit = fc.constantFrom(0, 1, 5, 10, 20, 40).map((credits) => credits * CREDIT)

const mostlyOn = fc.oneof(
  { weight: 4, arbitrary: fc.constant(true) },
  { weight: 1, arbitrary: fc.constant(false) },
)

/** Without recipients that a save could refuse. */
export const limitSettings: fc.Arbitrary<LimitSettings> = fc.record({
  enabled: fc.oneof(
    { weight: 4, arbitrary: fc.constant(true) },
    { weight: 1, arbitrary: fc.constant(false) },
  ),
  default: wholeLimit,
  recipients: fc.constant<Recipients>('all'),
  exclude: fc.record({ workflow: fc.boolean(), agent_deployment: fc.boolean() }),
})

/** The gateway names those who are no admins. */
const sameSave = (actual: string, expected: string, what: string): void =>
  assert.equal(actual === 'not_admins' ? 'not_admin' : actual, expected, what)

const limits = fc.tuple(limitSettings, recipients).map(([settings, recipients]) =>
  step(`limits ${shown({ ...settings, recipients })}`, async (model, system) => {
    const expected = model.setLimits({ ...settings, recipients })
    sameSave(await system.setLimits({ ...settings, recipients }), expected, 'limits')
  }),
)

const alertThreshold: fc.Arbitrary<Pick<AlertSettings, 'type' | 'threshold'>> = fc.oneof(
  fc.record({ type: fc.constant('percentage' as const), threshold: fc.constantFrom(1, 10, 33, 50, 75, 100) }),
  fc.record({ type: fc.constant('absolute' as const), threshold: fc.integer({ min: 1, max: 40 }) }),
)

const createAlert = fc.tuple(alertThreshold, recipients).map(([threshold, recipients]) =>
  step(`add alert ${shown({ ...threshold, recipients })}`, async (model, system) => {
    const { status, id } = await system.createAlert({ ...threshold, recipients })
    sameSave(status, model.createAlert(id, { ...threshold, recipients }), 'add alert')
  }),
)

const hasAlerts = (model: Readonly<Model>): boolean => model.alerts.size > 0

const changeAlertStep = (at: number, changes: Partial<AlertSettings>): Step =>
  step(
    `change alert #${at} ${shown(changes)}`,
    async (model, system) => {
      const id = pick([...model.alerts.keys()], at)
      sameSave(await system.changeAlert(id, changes), model.changeAlert(id, changes), 'change alert')
    },
    hasAlerts,
  )

const place = fc.nat({ max: 5 })
const changeThreshold = fc.tuple(place, alertThreshold).map(([at, changes]) => changeAlertStep(at, changes))
const changeRecipients = fc
  .tuple(place, recipients)
  .map(([at, recipients]) => changeAlertStep(at, { recipients }))

const deleteAlert = place.map((at) =>
  step(
    `delete alert #${at}`,
    async (model, system) => {
      const id = pick([...model.alerts.keys()], at)
      model.deleteAlert(id)
      assert.equal(await system.deleteAlert(id), 'deleted')
    },
    hasAlerts,
  ),
)

const userAlerts = fc
  .record({
    enabled: mostlyOn,
    threshold: fc.constantFrom(1, 2, 5, 10, 20),
    recipients,
    notifyUser: fc.boolean(),
  })
  .map((settings) =>
    step(`user alerts ${shown(settings)}`, async (model, system) => {
      sameSave(await system.setUserAlerts(settings), model.setUserAlerts(settings), 'user alerts')
    }),
  )

const allowance = fc.constantFrom(0, 10, 20, 50).map((credits) =>
  step(`allowance ${credits}`, async (model, system) => {
    model.setAllowance(credits * CREDIT)
    assert.equal(await system.setAllowance(credits * CREDIT), 'saved')
  }),
)

/** C8: a charge or a refund; one of nothing is none. */
const adjust = fc.tuple(user, source, amount, fc.boolean()).map(([user, source, amount, gives]) => {
  const change = gives ? -Math.max(amount, 1) : Math.max(amount, 1)
  return step(`adjust ${user} ${source} by ${change}`, async (model, system) => {
    assert.equal(await system.adjust(user, source, change), model.adjust(user, source, change))
  })
})

const customLimit = fc.tuple(user, fc.option(wholeLimit)).map(([user, limit]) =>
  step(`custom limit of ${user}: ${limit ?? 'unlimited'}`, async (model, system) => {
    const expected = model.putCustomLimit(user, limit)
    const custom = { user, limit: limit as Microcredits | null }
    assert.equal(await putCustomLimit(system.directory, system.org, custom), expected)
  }),
)

const noCustomLimit = user.map((user) =>
  step(`no custom limit of ${user}`, async (model, system) => {
    const expected = model.deleteCustomLimit(user)
    assert.equal(await deleteCustomLimit(system.directory, system.org, user), expected)
  }),
)

const admission = fc.constantFrom('strict' as const, 'straddle' as const).map((admission) =>
  step(`admission ${admission}`, async (model, system) => {
    model.setAdmission(admission)
    await changeOrg(system.directory, system.org, { admission })
  }),
)

const enrollment = fc.tuple(fc.boolean(), fc.integer({ min: 2, max: 6 })).map(([autoEnroll, maxMembers]) =>
  step(`enrollment ${String(autoEnroll)} up to ${maxMembers}`, async (model, system) => {
    Object.assign(model.settings, { autoEnroll, maxMembers })
    await changeOrg(system.directory, system.org, { autoEnroll, maxMembers })
  }),
)

const putMember = fc
  .tuple(user, fc.constantFrom('admin' as const, 'member' as const), fc.boolean())
  .map(([user, role, byOperator]) =>
    step(`put ${user} as ${role}${byOperator ? ' by the operator' : ''}`, async (model, system) => {
      const expected = model.putMember(user, role, byOperator)
      const member = { user, email: null, name: null, role }
      assert.equal(await putMemberOf(system.directory, system.org, member, byOperator), expected)
    }),
  )

const removeMember = fc.tuple(user, fc.boolean()).map(([user, byOperator]) =>
  step(`remove ${user}${byOperator ? ' by the operator' : ''}`, async (model, system) => {
    const expected = model.removeMember(user, byOperator)
    assert.equal(await removeMemberOf(system.directory, system.org, user, byOperator), expected)
  }),
)

/** Each as often as it stands here. */
export const EDITS: fc.Arbitrary<Step>[] = [
  ...[createAlert, createAlert, createAlert, changeThreshold, changeThreshold, changeRecipients, deleteAlert],
  ...[userAlerts, userAlerts, allowance, allowance, adjust, adjust, adjust, limits, limits],
  ...[customLimit, customLimit, noCustomLimit, admission, enrollment, putMember, removeMember],
]
