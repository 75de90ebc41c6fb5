// Says whether every C-STORE-RSP that told Success, and every answer of STOW-RS that named an instance as stored, left after all of its object would have survived a power cut: its bytes,
// its name in the directory, and its row in the write-ahead log. Order is everything: a sync counts when it began after the
// last write it must cover had returned, and returned before the answer began to leave.
import { dirname } from 'node:path'
import { type Call, readStraceLog } from './strace-log.ts'

export interface PowerCutReport {
  /** SOP Instance UIDs that were answered 0000H, or stood among the stored of an HTTP answer. */
  readonly acknowledged: readonly string[]
  /** One sentence each. */
  readonly violations: readonly string[]
}

/** @param log what `strace -f -y -xx -s 8192 -e trace=TRACED` wrote of the whole life of a process */
export function checkPowerCut(log: string): PowerCutReport {
  const calls = readStraceLog(log)
  const answers = calls.flatMap((call) => [...successesIn(call), ...storedIn(call)].map((uid) => ({ uid, call })))
  const violations = answers.flatMap(({ uid, call }) => [
    ...blobViolations(calls, uid, call.began),
    ...rowViolations(calls, uid, call.began),
  ])
  return { acknowledged: answers.map(({ uid }) => uid), violations }
}

// ── the answers

const WRITES = new Set(['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'sendto', 'sendmsg'])

/** C-STORE-RSPs of status 0000H in what left through a socket: P-DATA-TF PDUs (PS3.8 9.3.5) with a command (PS3.7 E.1). */
function successesIn(call: Call): readonly string[] {
  if (!WRITES.has(call.name) || !/^(socket|TCP)/.test(call.target)) return []
  const uids: string[] = []
  for (let at = 0; at + 12 <= call.bytes.length; ) {
    const length = call.bytes.readUInt32BE(at + 2)
    if (call.bytes[at] === 0x04) {
      const command = elementsOf(call.bytes.subarray(at + 12, at + 6 + length))
      const isStoreRsp = command.get(0x0100)?.readUInt16LE() === 0x8001
      if (isStoreRsp && command.get(0x0900)?.readUInt16LE() === 0) uids.push(uidIn(command.get(0x1000)))
    }
    at += 6 + length
  }
  return uids
}

/** The instances of (0008,1199) in an HTTP answer (PS3.18 10.5.3), which leaves in one write. */
function storedIn(call: Call): readonly string[] {
  if (!WRITES.has(call.name) || !/^(socket|TCP)/.test(call.target)) return []
  const [head = '', body = ''] = call.bytes.toString('latin1').split('\r\n\r\n')
  if (!/^HTTP\/1\.1 20[02] /.test(head)) return []
  const stored = body.slice(body.indexOf('"00081199"'))
  return [...stored.matchAll(/"00081155":\{"vr":"UI","Value":\["([0-9.]+)"\]/g)].map((match) => match[1] ?? '')
}

function elementsOf(command: Buffer): ReadonlyMap<number, Buffer> {
  const elements = new Map<number, Buffer>()
  for (let at = 0; at + 8 <= command.length; ) {
    const end = at + 8 + command.readUInt32LE(at + 4)
    elements.set(command.readUInt16LE(at + 2), command.subarray(at + 8, end))
    at = end
  }
  return elements
}

const uidIn = (value: Buffer | undefined): string => (value ?? Buffer.of()).toString('latin1').replace(/\0+$/, '')

// ── the bytes and their name

function blobViolations(calls: readonly Call[], uid: string, answered: number): readonly string[] {
  const first = calls.find((call) => isBlobWrite(call) && call.bytes.includes(uid) && call.began < answered)
  if (first === undefined) return [`${uid}: answered before any of its bytes were written`]
  const violations: string[] = []
  const writes = calls.filter((call) => call.target === first.target && WRITES.has(call.name))
  const late = writes.filter((call) => call.ended > answered)
  if (late.length > 0) violations.push(`${uid}: its bytes were still being written`)
  const unflushed = writes.filter((call) => call.ended < answered && !isOwnFlush(calls, call))
  const lastWrite = Math.max(...unflushed.map((call) => call.ended))
  if (unflushed.length > 0 && !synced(calls, first.target, lastWrite, answered))
    violations.push(`${uid}: its bytes were not synced`)
  return [...violations, ...nameViolations(calls, uid, first.target, answered)]
}

const isBlobWrite = (call: Call): boolean => WRITES.has(call.name) && call.target.includes('/spool/')

/** The file's name in its folder, and that folder's in the one above. */
function nameViolations(calls: readonly Call[], uid: string, path: string, answered: number): readonly string[] {
  const violations: string[] = []
  for (let name = path; !name.endsWith('/spool'); name = dirname(name)) {
    const made = calls.findLast((call) => isMaking(call) && call.target === name && call.began < answered)
    // Made before this process began: then its name is as old.
    if (made === undefined) continue
    if (!synced(calls, dirname(name), made.ended, answered)) violations.push(`${uid}: the name ${name} was not synced`)
  }
  return violations
}

const isMaking = (call: Call): boolean =>
  call.ok && (call.name.startsWith('mkdir') || (call.name === 'openat' && call.args.includes('O_CREAT')))

// ── the row

const FRAME_HEADER_BYTES = 24

/**
 * The last page of the write-ahead log that names the object, and the commit that follows it: a frame header whose second
 * word is not zero (SQLite file format 4.1), then its page.
 */
function rowViolations(calls: readonly Call[], uid: string, answered: number): readonly string[] {
  const log = calls.filter((call) => call.target.endsWith('.db-wal') && WRITES.has(call.name) && call.began < answered)
  const row = log.findIndex((call) => call.bytes.includes(uid))
  if (row === -1) return [`${uid}: answered before its row was written`]
  const commit = log.findIndex((call, at) => at >= row - 1 && isCommitFrame(call))
  const page = log[commit + 1]
  if (commit === -1 || page === undefined) return [`${uid}: answered before its row was committed`]
  const wal = page.target
  const violations = synced(calls, wal, page.ended, answered) ? [] : [`${uid}: its row was not synced`]
  const made = calls.find((call) => call.name === 'openat' && call.target === wal && call.args.includes('O_CREAT'))
  if (made !== undefined && !synced(calls, dirname(wal), made.ended, answered)) {
    violations.push(`${uid}: the name of the write-ahead log was not synced`)
  }
  return violations
}

const isCommitFrame = (call: Call): boolean =>
  call.bytes.length === FRAME_HEADER_BYTES && call.bytes.readUInt32BE(4) !== 0

// ── syncs

/** Whether it was written through a descriptor that was opened with O_DSYNC: then its return says what fdatasync's would. */
function isOwnFlush(calls: readonly Call[], write: Call): boolean {
  const fd = /^\d+/.exec(write.args)?.[0]
  const opened = calls.findLast(
    (call) => call.name === 'openat' && call.began < write.began && /= (\d+)/.exec(call.args)?.[1] === fd,
  )
  return write.ok && opened?.args.includes('O_DSYNC') === true
}

function synced(calls: readonly Call[], target: string, after: number, before: number): boolean {
  return calls.some(
    (call) =>
      (call.name === 'fsync' || call.name === 'fdatasync') &&
      call.ok &&
      call.target === target &&
      call.began > after &&
      call.ended < before,
  )
}
