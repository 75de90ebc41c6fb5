// Node's callback calls on bare descriptors: a FileHandle costs more than the write of a small object. They are looked
// up on `fs` at each call, so that a test can take one away and see the power-cut checker notice.
import fs from 'node:fs'
import { hasErrno, KurirError } from '../base/failure.ts'
import { BLOCK_BYTES } from './direct-io.ts'

/** What went wrong on the disk, in our words. A full disk is transient: it refuses, and resumes when there is room. */
export function diskFailure(cause: unknown): KurirError {
  if (cause instanceof KurirError) return cause
  if (hasErrno(cause, 'ENOSPC', 'EDQUOT', 'EFBIG'))
    return new KurirError('disk-full', 'transient', 'no room on the disk', { cause })
  if (hasErrno(cause, 'EMFILE', 'ENFILE', 'ENOMEM')) {
    return new KurirError('out-of-resources', 'transient', 'too many open files', { cause })
  }
  return new KurirError('disk-io', 'transient', 'the disk failed', { cause })
}

type Callback<T> = (error: NodeJS.ErrnoException | null, value: T) => void

function call<T>(run: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => run((error, value) => (error === null ? resolve(value) : reject(error))))
}

export const openFile = (path: string, flags: number, mode = 0o600): Promise<number> =>
  call((done) => fs.open(path, flags, mode, done))

export const closeFile = (fd: number): Promise<void> => call((done) => fs.close(fd, (error) => done(error ?? null)))

/** Flushes the bytes and the length of a file. Never called again on a file whose flush has failed. */
export const flushFile = (fd: number): Promise<void> => call((done) => fs.fdatasync(fd, (error) => done(error)))

/** Flushes the names in a directory. */
export const flushDirectory = (fd: number): Promise<void> => call((done) => fs.fsync(fd, (error) => done(error)))

export const truncateFile = (fd: number): Promise<void> => call((done) => fs.ftruncate(fd, 0, (error) => done(error)))

/** Closes a file that has nothing left to write, here and now: to hand it to another thread would take longer. */
export function closeNow(fd: number): void {
  try {
    fs.closeSync(fd)
  } catch {
    // Its bytes are flushed; there is nothing more that a close could lose.
  }
}

/** Bytes read, fewer than asked for only at the end of the file. */
export function readAt(fd: number, into: Buffer, position: number): Promise<number> {
  return readUntil(fd, into, position, () => false)
}

/** The same for a file that may be open past the page cache: what is no whole block is the end of the file. */
export function readBlocksAt(fd: number, into: Buffer, position: number): Promise<number> {
  return readUntil(fd, into, position, (read) => read % BLOCK_BYTES !== 0)
}

async function readUntil(
  fd: number,
  into: Buffer,
  position: number,
  isEnd: (read: number) => boolean,
): Promise<number> {
  let read = 0
  while (read < into.length) {
    const at = read
    const more = await call<number>((done) => fs.read(fd, into, at, into.length - at, position + at, done))
    read += more
    if (more === 0 || isEnd(read)) break
  }
  return read
}

/** Writes everything or rejects; a full disk writes short first and refuses on the next call. */
export async function writeAt(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const at = written
    const more = await call<number>((done) => fs.write(fd, bytes, at, bytes.length - at, position + at, done))
    if (more === 0) throw new KurirError('disk-io', 'transient', 'the disk took no bytes')
    written += more
  }
}
