import { randomFillSync } from 'node:crypto'
import type { Clock } from './clock.ts'

/** Makes ids that sort by the time they were made (UUIDv7, RFC 9562 5.7), strictly increasing in this process. */
export type NewId = () => string

/** Of one id; they are asked for many at a time. */
const RANDOM_BYTES = 8

/** Ids of that clock's time. When it is set back, they go on from the last. */
export function idsFrom(clock: Pick<Clock, 'now'>): NewId {
  let last = 0
  let counter = 0
  const random = Buffer.alloc(RANDOM_BYTES * 256)
  let used = random.length
  return () => {
    const now = Math.max(clock.now(), last)
    // Twelve bits of counter behind the millisecond keep ids of one millisecond in order.
    counter = now === last ? counter + 1 : 0
    last = counter > 0xfff ? now + 1 : now
    if (counter > 0xfff) counter = 0
    if (used === random.length) {
      randomFillSync(random)
      used = 0
    }
    used += RANDOM_BYTES
    return format(last, counter, random.subarray(used - RANDOM_BYTES, used))
  }
}

function format(time: number, counter: number, random: Buffer): string {
  const hex = time.toString(16).padStart(12, '0')
  const tail = random.toString('hex')
  const variant = ((Number.parseInt(tail[0] ?? '0', 16) & 0x3) | 0x8).toString(16)
  const group3 = `7${counter.toString(16).padStart(3, '0')}`
  return `${hex.slice(0, 8)}-${hex.slice(8)}-${group3}-${variant}${tail.slice(1, 4)}-${tail.slice(4)}`
}
