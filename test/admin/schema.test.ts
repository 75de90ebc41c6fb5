import { expect, test } from '@jest/globals'
import { buildSchema, isEnumType, isObjectType, isUnionType } from 'graphql'
import { isCurrent } from '../../schema/codegen.ts'
import { SETTLED_BY } from '../../src/admin/explanation.ts'
import { DESTINATION_STATES } from '../../src/admin/models.ts'
import { FILE_CHANGES } from '../../src/admin/ruleset-difference.ts'
import { buildAdminSchema } from '../../src/admin/schema.ts'
import { readSdl } from '../../src/admin/sdl.ts'
import { SHADOW_STATES } from '../../src/admin/shadow-runs.ts'
import { DESTINATION_KINDS } from '../../src/admin/sources.ts'
import * as states from '../../src/ledger/states.ts'
import { SETTLED_BY as RULES_SETTLED_BY } from '../../src/rules/study-decision.ts'
import { SERVICE_STATES } from '../../src/services/call.ts'

const schema = buildSchema(readSdl())

test('the generated types are those of the SDL', async () => {
  expect(await isCurrent()).toBe(true)
})

test.each([
  ['Role', states.ROLES],
  ['Door', states.DOORS],
  ['StudyState', states.STUDY_STATES],
  ['InstanceState', states.INSTANCE_STATES],
  ['ObligationKind', states.OBLIGATION_KINDS],
  ['ObligationState', states.OBLIGATION_STATES],
  ['DeliveryState', states.DELIVERY_STATES],
  ['AttemptOutcome', states.ATTEMPT_OUTCOMES],
  ['DestinationKind', DESTINATION_KINDS],
  ['DestinationState', DESTINATION_STATES],
  ['Moment', states.MOMENTS],
  ['FileChange', FILE_CHANGES],
  ['SettledBy', SETTLED_BY],
  ['ServiceState', SERVICE_STATES],
  ['ShadowState', SHADOW_STATES],
])('the enum %s is the closed set of the code', (name, values) => {
  const type = schema.getType(name)
  expect(isEnumType(type) ? type.getValues().map((value) => value.name) : []).toEqual(values)
})

test('a study is settled by what the rules call so', () => {
  expect(SETTLED_BY.map((word) => word.toLowerCase())).toEqual(RULES_SETTLED_BY)
})

test('every mutation takes at most one input and returns a closed union whose failures are UserErrors', () => {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    expect(field.args.map((arg) => arg.name)).toEqual(field.args.length === 0 ? [] : ['input'])
    const union = schema.getType(String(field.type).replace('!', ''))
    expect(isUnionType(union)).toBe(true)
    if (!isUnionType(union)) continue
    const [success, ...failures] = union.getTypes()
    expect(success?.name.toLowerCase()).toBe(`${field.name}success`.toLowerCase())
    for (const failure of failures) expect(failure.getInterfaces().map((each) => each.name)).toEqual(['UserError'])
  }
})

test('every mutation and the audit trail demand a role', () => {
  const guarded = [
    ...Object.values(schema.getMutationType()?.getFields() ?? {}),
    schema.getQueryType()?.getFields()['auditEvents'],
  ]
  for (const field of guarded) expect(field?.astNode?.directives?.map(({ name }) => name.value)).toContain('requires')
})

test('every connection has edges, nodes and pageInfo', () => {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || !type.name.endsWith('Connection')) continue
    expect(Object.keys(type.getFields())).toEqual(expect.arrayContaining(['edges', 'nodes', 'pageInfo']))
  }
})

test('the schema builds with its resolvers, and twice', () => {
  expect(buildAdminSchema()).not.toBe(buildAdminSchema())
})
