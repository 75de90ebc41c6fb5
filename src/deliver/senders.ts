import type { ConnectionOptions } from 'node:tls'
import type { AeTitle } from '../dicom/ae-title.ts'
import { parseAeTitle } from '../dicom/ae-title.ts'
import type { ConnectOutcome, ProposedContext } from '../dimse/association.ts'
import type { HttpReach } from '../http/reach.ts'
import type { DimseOptions, Reach } from '../rules/destination.ts'
import type { DestinationNotes } from './destination-notes.ts'
import { DimseSender, type DimseSenderDeps } from './dimse-sender.ts'
import type { Unreachable } from './failure-scope.ts'
import { FolderSender } from './folder-sender.ts'
import type { Outgoing } from './outgoing.ts'
import type { Connected, Line, Sender, Sent } from './sender.ts'
import { type StowPeer, StowSender } from './stow-sender.ts'
import type { Verdict } from './verdict.ts'

/** Files only: what they hold is never in the rules. */
export type TlsFiles = NonNullable<DimseOptions['tls']>

/** One call of `dimse/requestor.ts`, with what the process knows already bound. */
export interface CallTo {
  readonly host: string
  readonly port: number
  readonly callingAe: AeTitle
  readonly calledAe: AeTitle
  readonly contexts: readonly ProposedContext[]
  readonly tls?: ConnectionOptions
  readonly signal: AbortSignal
}

export interface SendersDeps {
  readonly request: (call: CallTo) => Promise<ConnectOutcome>
  readonly reencode: DimseSenderDeps['reencode']
  /** Reads certificates and keys at each call, so that a renewed one is used at once. @throws when a file cannot be read */
  readonly readTls: (files: TlsFiles) => Promise<ConnectionOptions>
  /** A peer by HTTP, nothing opened yet. */
  readonly peer: (reach: HttpReach) => StowPeer
  /** Ids that nobody else makes. */
  readonly newId: () => string
  /** Our own AE title. */
  readonly callingAe: AeTitle
  /** This process, by a name that no other one has. */
  readonly writer: string
}

/** The sender for a way to reach a destination; undefined: the rules know the destination no more. */
export function createSender(
  reach: Reach | undefined,
  notes: DestinationNotes,
  noted: () => void,
  deps: SendersDeps,
): Sender {
  switch (reach?.kind) {
    case undefined:
      return new GoneSender()
    case 'not-configured':
    // Nothing is planned for these but held; what was owed before waits.
    case 'satusehat':
    case 'http':
      return new UnreachableSender('not-configured')
    case 'folder':
      return new FolderSender({ ...reach.folder, writer: deps.writer })
    case 'stow':
      return new StowSender(reach.stow, {
        peer: deps.peer(reach.stow.reach),
        newBoundary: () => `kurir-${deps.newId()}`,
      })
    case 'dimse':
      return createDimseSender(reach.dimse, notes, noted, deps)
    default:
      return reach satisfies never
  }
}

function createDimseSender(
  options: DimseOptions,
  notes: DestinationNotes,
  noted: () => void,
  deps: SendersDeps,
): Sender {
  const { ae, tls, associations, transferSyntax } = options
  const calledAe = parseAeTitle(ae.aeTitle)
  const borrowsCallingAe = options.callingAe === '{calling_ae}'
  const callingAe =
    borrowsCallingAe || options.callingAe === undefined ? deps.callingAe : parseAeTitle(options.callingAe)
  if (calledAe === undefined || callingAe === undefined) return new UnreachableSender('not-configured')
  const request: DimseSenderDeps['request'] = async (calling, contexts, signal) => {
    const call = { host: ae.host, port: ae.port, callingAe: calling, calledAe, contexts, signal }
    if (tls === undefined) return deps.request(call)
    try {
      return await deps.request({ ...call, tls: await deps.readTls(tls) })
    } catch {
      return { kind: 'unreachable', code: 'not-configured', reason: 'the TLS files of the destination cannot be used' }
    }
  }
  const { reencode } = deps
  return new DimseSender(
    { associations, transferSyntax, borrowsCallingAe, callingAe },
    { request, reencode, notes, noted },
  )
}

/** Rests until the configuration is completed; nothing is lost or counted meanwhile. */
class UnreachableSender implements Sender {
  readonly lines = 1
  readonly #why: Unreachable

  constructor(reason: string) {
    this.#why = { scope: 'destination', reason }
  }

  connect(): Promise<Connected> {
    return Promise.resolve({ kind: 'unreachable', ...this.#why })
  }

  sharesLine(): boolean {
    return true
  }

  probe(): Promise<Unreachable | undefined> {
    return Promise.resolve(this.#why)
  }
}

const GONE: Verdict = { state: 'HELD', scope: 'object', retry: 'permanent', reason: 'destination gone', status: null }

/** For what is still owed to a destination that a forced ruleset dropped: each is held, and a person decides. */
class GoneSender implements Sender {
  readonly lines = 1

  connect(): Promise<Connected> {
    const line: Line = {
      isOpen: true,
      suits: () => true,
      send: (outgoing: Outgoing): Promise<Sent> => {
        outgoing.discard()
        return Promise.resolve({ verdict: GONE, sha256: null })
      },
      abort: () => {},
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
    return Promise.resolve({ kind: 'line', line })
  }

  sharesLine(): boolean {
    return true
  }

  probe(): Promise<Unreachable | undefined> {
    return Promise.resolve({ scope: 'destination', reason: 'destination gone' })
  }
}
