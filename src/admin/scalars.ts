import { GraphQLScalarType, Kind } from 'graphql'
import { instant, ms } from '../base/clock.ts'
import { parseUid } from '../dicom/uid.ts'
import { badInput } from './bad-input.ts'

// With its zone: an instant without one means something else in Jakarta than in London.
const ISO_INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/

function readInstant(value: unknown): number {
  const time = typeof value === 'string' && ISO_INSTANT.test(value) ? Date.parse(value) : Number.NaN
  if (Number.isNaN(time)) throw badInput('A DateTime is written 2026-11-21T06:30:00Z.')
  return instant(time)
}

function readCount(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw badInput('Not a whole number.')
  return value
}

function readText(what: string, isOne: (text: string) => boolean) {
  return (value: unknown): string => {
    if (typeof value !== 'string' || !isOne(value)) throw badInput(`Not ${what}.`)
    return value
  }
}

/** A scalar that is read the same way from a variable and from the document. */
function scalar<Out>(name: string, read: (value: unknown) => unknown, write: (value: unknown) => Out) {
  return new GraphQLScalarType({
    name,
    serialize: write,
    parseValue: read,
    parseLiteral(node) {
      if (node.kind === Kind.STRING) return read(node.value)
      return read(node.kind === Kind.INT ? Number(node.value) : undefined)
    },
  })
}

function writeInstant(value: unknown): string {
  if (typeof value !== 'number') throw new TypeError('an instant is a number')
  return new Date(value).toISOString()
}

const readUid = readText('a UID', (text) => parseUid(text) !== undefined)
const readAe = readText('an AE title', (text) => /^[\x20-\x5b\x5d-\x7e]{1,16}$/.test(text))

export const scalars = {
  DateTime: scalar('DateTime', readInstant, writeInstant),
  Milliseconds: scalar('Milliseconds', (value) => ms(readCount(value)), Number),
  ByteCount: scalar('ByteCount', readCount, Number),
  Uid: scalar('Uid', readUid, String),
  AeTitle: scalar('AeTitle', readAe, String),
}
