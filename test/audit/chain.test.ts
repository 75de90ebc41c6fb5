import { describe, expect, test } from '@jest/globals'
import { CHAIN_START, type ChainedEvent, canonicalEvent, chainHash, follows } from '../../src/audit/chain.ts'
import { AUDIT_EVENTS, type AuditEvent, dicomEventCode } from '../../src/audit/events.ts'

const event: AuditEvent = {
  at: 1_795_219_200_000,
  event: 'Decision Made',
  actor: 'planner',
  outcome: 'planned',
  subjectKind: 'Instance',
  subjectId: 'i1',
  detail: null,
}
const chained = (sequence: number, previous: Uint8Array, parts: Partial<AuditEvent> = {}): ChainedEvent => {
  const whole = { ...event, ...parts }
  return { ...whole, node: 'n1', sequence, hash: chainHash(previous, 'n1', sequence, whole) }
}

describe('the audit chain', () => {
  test('an event has one spelling', () => {
    expect(canonicalEvent('n1', 7, event)).toBe(
      '["n1",7,1795219200000,"Decision Made","planner","planned","Instance","i1",null]',
    )
    expect(Buffer.from(chainHash(CHAIN_START, 'n1', 1, event)).toString('hex')).toBe(
      Buffer.from(chainHash(CHAIN_START, 'n1', 1, { ...event })).toString('hex'),
    )
  })

  test('each event follows from the one before', () => {
    const first = chained(1, CHAIN_START)
    const second = chained(2, first.hash, { outcome: 'duplicate' })
    expect(follows({ sequence: 0, hash: CHAIN_START }, first)).toBe(true)
    expect(follows(first, second)).toBe(true)
  })

  test.each([
    ['another actor', { actor: 'nobody' }],
    ['another time', { at: event.at + 1 }],
    ['another outcome', { outcome: 'superseded' }],
    ['another subject', { subjectId: 'i2' }],
    ['a detail put in', { detail: '' }],
    ['a gap', { sequence: 2 }],
  ])('%s breaks it', (_, change) => {
    expect(follows({ sequence: 0, hash: CHAIN_START }, { ...chained(1, CHAIN_START), ...change })).toBe(false)
  })

  test('an event taken out, or another node put in, breaks it', () => {
    const first = chained(1, CHAIN_START)
    const third = chained(3, chained(2, first.hash).hash)
    expect(follows(first, third)).toBe(false)
    expect(follows({ sequence: 0, hash: CHAIN_START }, { ...first, node: 'n2' })).toBe(false)
  })
})

test('events that the Standard knows have their code, the others none', () => {
  const coded = AUDIT_EVENTS.filter((name) => dicomEventCode(name) !== null)
  expect(coded).toEqual([
    'Application Activity',
    'DICOM Instances Accessed',
    'DICOM Instances Transferred',
    'Security Alert',
    'Security Configuration',
    'Software Configuration',
  ])
  expect(dicomEventCode('DICOM Instances Transferred')).toBe('110104')
})
