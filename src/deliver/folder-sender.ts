import { access, constants, mkdir, unlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type FailureCode, hasErrno } from '../base/failure.ts'
import type { Header } from '../dicom/header.ts'
import { HeaderCollector } from '../dicom/scan.ts'
import { transferSyntaxOf } from '../dicom/transfer-syntax.ts'
import { judgeSource, type Unreachable } from './failure-scope.ts'
import { fillLayout } from './folder-layout.ts'
import type { Outgoing } from './outgoing.ts'
import { beginFile, placeFile, SafeFolders, sweepUnfinished, syncPath, type UnfinishedFile } from './part10-file.ts'
import { part10HeadOf } from './part10-head.ts'
import type { Connected, Line, Sender, Sent } from './sender.ts'
import type { Verdict } from './verdict.ts'

export interface FolderSenderOptions {
  readonly path: string
  /** As the rules checked it: relative, `/` between folders, `{Keyword}` filled from what leaves. */
  readonly layout: string
  /** This process, by a name that no other one has. */
  readonly writer: string
}

const DELIVERED: Verdict = { state: 'DELIVERED', scope: null, retry: null, reason: null, status: null }
const ALREADY_THERE: Verdict = { ...DELIVERED, reason: 'already-there' }
const held = (reason: string): Verdict => ({ state: 'HELD', scope: 'object', retry: 'permanent', reason, status: null })

/** Writes Part 10 files into a folder: whole, synced, and under their name only then. */
export class FolderSender implements Sender {
  // Each waits for its own flushes; a disk takes several at once.
  readonly lines = 4
  readonly #safe = new SafeFolders()
  readonly #options: FolderSenderOptions
  #swept = false

  constructor(options: FolderSenderOptions) {
    this.#options = { ...options, path: resolve(options.path) }
  }

  async connect(): Promise<Connected> {
    const why = await this.probe()
    if (why !== undefined) return { kind: 'unreachable', ...why }
    return { kind: 'line', line: new FolderLine(this.#options, this.#safe) }
  }

  sharesLine(): boolean {
    return true
  }

  async probe(): Promise<Unreachable | undefined> {
    const { path, writer } = this.#options
    try {
      if ((await mkdir(path, { recursive: true, mode: 0o750 })) !== undefined) await syncPath(resolve(path, '..'))
      await access(path, constants.W_OK | constants.X_OK)
      if (!this.#swept) await sweepUnfinished(path, writer)
      this.#swept = true
      return undefined
    } catch (error) {
      return { scope: 'destination', reason: diskReason(error) }
    }
  }
}

/** The folder's failure is the destination's: nothing else could be written there either. */
function diskReason(error: unknown): FailureCode {
  return hasErrno(error, 'ENOSPC', 'EDQUOT') ? 'disk-full' : 'disk-io'
}

/** A name that the file system does not take is the instance's own; so is what fails while others get through. */
function judgeFolder(error: unknown, othersTaken: boolean): Verdict {
  if (hasErrno(error, 'ENAMETOOLONG', 'EILSEQ', 'EINVAL', 'ENOTDIR', 'EISDIR')) return held('name-refused')
  const scope = othersTaken ? 'object' : 'destination'
  return { state: 'READY', scope, retry: 'transient', reason: diskReason(error), status: null }
}

class FolderLine implements Line {
  readonly isOpen = true
  readonly #options: FolderSenderOptions
  readonly #safe: SafeFolders

  constructor(options: FolderSenderOptions, safe: SafeFolders) {
    this.#options = options
    this.#safe = safe
  }

  suits(): boolean {
    return true
  }

  async send(outgoing: Outgoing, othersTaken: boolean): Promise<Sent> {
    let file: UnfinishedFile | undefined
    try {
      file = await beginFile(this.#options.path, this.#options.writer)
      const verdict = await this.#write(file, outgoing)
      return { verdict, sha256: outgoing.sha256 }
    } catch (error) {
      outgoing.discard()
      if (file !== undefined) await unlink(file.path).catch(() => {})
      return { verdict: judgeFolder(error, othersTaken), sha256: null }
    }
  }

  abort(): void {
    // A file is written in moments, and a half-written one has no name.
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #write(file: UnfinishedFile, outgoing: Outgoing): Promise<Verdict> {
    const { delivery } = outgoing
    const written = await this.#fill(file, outgoing)
    if (!('header' in written)) {
      outgoing.discard()
      await unlink(file.path).catch(() => {})
      return written
    }
    const steps = fillLayout(this.#options.layout, written.header, delivery.outgoingUid)
    switch ((await placeFile(file.path, this.#options.path, steps, this.#safe)).kind) {
      case 'placed':
        return DELIVERED
      case 'already-there':
        return ALREADY_THERE
      case 'no-free-name':
        return held('conflict')
    }
  }

  /** Writes and syncs all bytes; a fault of our own bytes is a verdict, one of the folder's disk is thrown. */
  async #fill({ handle }: UnfinishedFile, outgoing: Outgoing): Promise<{ readonly header: Header } | Verdict> {
    const collector = new HeaderCollector(transferSyntaxOf(outgoing.delivery.transferSyntaxUid))
    try {
      const head = part10HeadOf(outgoing.delivery)
      if (head === undefined) return held('invalid-uid')
      await handle.appendFile(head)
      const slices = outgoing[Symbol.asyncIterator]()
      for (;;) {
        const next = await nextSlice(slices)
        if ('error' in next) return judgeSource(next.error)
        if (next.slice === undefined) break
        collector.push(next.slice)
        await handle.appendFile(next.slice)
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    const scanned = await collector.finish()
    return { header: scanned.outcome === 'header' ? scanned.header : scanned.partial }
  }
}

type NextSlice = { readonly slice: Uint8Array | undefined } | { readonly error: unknown }

// What our own store throws must not be taken for a failure of the folder.
async function nextSlice(slices: AsyncIterator<Uint8Array>): Promise<NextSlice> {
  try {
    const next = await slices.next()
    return { slice: next.done === true ? undefined : next.value }
  } catch (error) {
    return { error }
  }
}
