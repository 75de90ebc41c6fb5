import { afterEach, expect, test } from '@jest/globals'
import { buildSchema, isObjectType } from 'graphql'
import { readSdl } from '../../src/admin/sdl.ts'
import { KurirError } from '../../src/base/failure.ts'
import { type AdminFixture, startAdmin, type Tweak } from './admin-fixture.ts'
import { admit, PATIENT, plan } from './admissions.ts'

let admin: AdminFixture
let stack = new AsyncDisposableStack()

afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
})

const UID = '1.2.826.0.1.3680043.10.3'
const EVERY_PHI_FIELD = `{
  studies { nodes { accessionNumber patientId patientName } }
  deliveries { nodes { rewrite { before after } } }
}`

async function start(tweak?: Tweak): Promise<void> {
  admin = stack.use(await startAdmin({}, tweak))
  await admit(admin.ledger, UID, 2)
  await plan(admin.ledger, ['ARCHIVE'])
}

const reads = async () => {
  const { data } = await admin.ask('{ auditEvents { nodes { event actor sequence } } }', {}, 'ADMIN')
  const nodes: { event: string; actor: string }[] = data.auditEvents.nodes
  return nodes.filter((node) => /access/i.test(node.event)).map((node) => node.actor)
}

test('without PHI_READER every marked field is null, and nothing is audited as read', async () => {
  await start()
  for (const role of ['VIEWER', 'OPERATOR', 'ADMIN']) {
    const { data, errors } = await admin.ask(EVERY_PHI_FIELD, {}, role)
    expect(errors).toBeUndefined()
    expect(JSON.stringify(data)).not.toContain('CANARY')
    expect(data.studies.nodes[0]).toEqual({ accessionNumber: null, patientId: null, patientName: null })
  }
  expect(await reads()).toEqual([])
})

test('with PHI_READER they are shown, and each request that does is one audit event', async () => {
  await start()
  const { data } = await admin.ask(EVERY_PHI_FIELD, {}, 'VIEWER_PHI')
  expect(data.studies.nodes[0]).toEqual({
    accessionNumber: PATIENT.accession,
    patientId: PATIENT.id,
    patientName: PATIENT.name,
  })
  expect(data.deliveries.nodes[0].rewrite[0].before).toBe(PATIENT.birth)
  expect(await reads()).toEqual(['viewer_phi'])
  await admin.ask('{ studies { nodes { studyInstanceUid state } } }', {}, 'VIEWER_PHI')
  expect(await reads()).toEqual(['viewer_phi'])
})

test('what cannot be audited is not shown', async () => {
  await start((ledger) => ({
    ...ledger,
    phiRead: () => Promise.reject(new KurirError('disk-full', 'transient', 'no space for the audit')),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }))
  const answer = await admin.ask(EVERY_PHI_FIELD, {}, 'VIEWER_PHI')
  expect(answer.status).toBe(500)
  expect(JSON.stringify(answer)).not.toContain('CANARY')
  expect(answer.errors?.[0]?.extensions.code).toBe('INTERNAL')
})

test('nothing of a patient is logged or counted, whatever happens', async () => {
  await start((ledger) => ({
    ...ledger,
    deliveryCancel: () => Promise.reject(new TypeError(`cannot cancel for ${PATIENT.name}`)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }))
  await admin.ask(EVERY_PHI_FIELD)
  await admin.ask(`{ studies(filter: { accessionNumber: "${PATIENT.accession}" }) { nodes { id } } }`)
  await admin.ask(`{ study(studyInstanceUid: "${PATIENT.id}") { id } }`)
  await admin.ask(`{ ${PATIENT.name.replace('^', '_')} }`)
  await fetch(`${admin.url}/${PATIENT.name}?q=${PATIENT.id}`)
  await fetch(`${admin.url}/graphql?query={study(studyInstanceUid:"${PATIENT.id}"){id}}`)
  const broken = await admin.ask(
    `mutation { deliveryCancel(input: { deliveryId: "${btoa('Delivery:x')}", reason: "${PATIENT.name}" }) { __typename } }`,
  )
  expect(broken.errors?.[0]).toMatchObject({
    message: expect.not.stringContaining('CANARY'),
    extensions: { code: 'INTERNAL', incident: expect.any(String) },
  })
  const metrics = await fetch(`${admin.url}/metrics`, { headers: { authorization: 'Bearer VIEWER' } })
  expect(await metrics.text()).not.toContain('CANARY')
  expect(admin.log.lines.length).toBeGreaterThan(5)
  expect(admin.log.text()).not.toContain('CANARY')
  const logged = await admin.log.line('admin-request-failed')
  expect(broken.errors?.[0]?.extensions).toMatchObject({ incident: logged.incident })
  expect(logged).toMatchObject({ code: 'internal', reason: 'TypeError' })
})

test('every field that is marked can be null, so that hiding it breaks no answer', () => {
  const marked: string[] = []
  for (const type of Object.values(buildSchema(readSdl()).getTypeMap())) {
    if (!isObjectType(type)) continue
    for (const field of Object.values(type.getFields())) {
      const isMarked = field.astNode?.directives?.some((directive) => directive.name.value === 'phi')
      if (isMarked) marked.push(`${type.name}.${field.name}: ${field.type}`)
    }
  }
  expect(marked.sort()).toEqual([
    'Amendment.why: String',
    'AttributeChange.after: String',
    'AttributeChange.before: String',
    'AuditEvent.detail: String',
    'Errand.arguments: [Argument!]',
    'ExplainedQuestion.arguments: [Argument!]',
    'ExplainedStep.because: String',
    'ServiceAnswer.arguments: [Argument!]',
    'Study.accessionNumber: String',
    'Study.patientId: String',
    'Study.patientName: String',
  ])
})
