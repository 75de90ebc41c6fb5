import type { SopClassUid, TransferSyntaxUid } from '../dicom/uid.ts'
import { parseUid } from '../dicom/uid.ts'
import type { AnsweredContext, OfferedContext, RoleSelection } from './associate-pdu.ts'
import type { PresentationContext } from './association.ts'

/** The Verification SOP Class (PS3.4 A.4). */
export const VERIFICATION = '1.2.840.10008.1.1' as SopClassUid

// Data sets that any receiver can read without a codec (PS3.5 10.1, A.1 to A.3).
const UNCOMPRESSED: ReadonlySet<string> = new Set(['1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.2'])

// SOP classes of PS3.6 table A-1 whose objects are not sent by C-STORE: verification, commitment, logging, patient and
// procedure management, print, query/retrieve, worklists and the query halves of templates, palettes and protocols.
const NOT_STORAGE = new RegExp(
  `^1\\.2\\.840\\.10008\\.(?:${[
    '1\\..*',
    '3\\.1\\..*',
    '4\\.2',
    '5\\.1\\.1\\.(?!(?:27|29|30)$).*',
    '5\\.1\\.4\\.1\\.2\\..*',
    '5\\.1\\.4\\.1\\.1\\.200\\.[456]',
    '5\\.1\\.4\\.1\\.1\\.201\\.[2-5]',
    '5\\.1\\.4\\.20\\..*',
    '5\\.1\\.4\\.(?:31|32|33|37|41|42)(?:\\..*)?',
    '5\\.1\\.4\\.34\\.(?!(?:1|7|10)$).*',
    '5\\.1\\.4\\.(?:38|39|43|44|45)\\.[2-4]',
  ].join('|')})$`,
)

/** Whether objects of this SOP class may come by C-STORE: everything, private ones too, that is not known to be another service. */
export const mayBeStorage = (sopClass: string): boolean =>
  parseUid(sopClass) !== undefined && !NOT_STORAGE.test(sopClass)

export interface NegotiationPolicy {
  /** Whether somebody here serves this abstract syntax. */
  serves(abstractSyntax: string): boolean
  /** Transfer syntaxes in the order we like them; none said: the first offered, uncompressed before compressed. */
  readonly prefer?: readonly TransferSyntaxUid[]
}

/** Answers each context of an A-ASSOCIATE-RQ in its order (PS3.8 9.3.3.2): 0, 3 or 4. */
export function answerContexts(
  offered: readonly OfferedContext[],
  policy: NegotiationPolicy,
): readonly AnsweredContext[] {
  return offered.map((context) => {
    if (!policy.serves(context.abstractSyntax)) return { id: context.id, result: 3 }
    const transferSyntax = choose(context.transferSyntaxes, policy.prefer ?? [])
    return transferSyntax === undefined ? { id: context.id, result: 4 } : { id: context.id, result: 0, transferSyntax }
  })
}

/** The contexts both sides agree on. */
export function agreedContexts(
  offered: readonly OfferedContext[],
  answers: readonly AnsweredContext[],
): readonly PresentationContext[] {
  const byId = new Map(offered.map((context) => [context.id, context]))
  return answers.flatMap((answer) => {
    const context = byId.get(answer.id)
    const abstractSyntax = context && parseUid<SopClassUid>(context.abstractSyntax)
    const transferSyntax = parseUid<TransferSyntaxUid>(answer.transferSyntax ?? '')
    if (answer.result !== 0 || abstractSyntax === undefined || transferSyntax === undefined) return []
    return [{ id: answer.id, abstractSyntax, transferSyntax }]
  })
}

/**
 * Whether an A-ASSOCIATE-AC answers what we offered: only contexts of ours, and of the accepted ones a transfer syntax
 * that we proposed for that context (PS3.8 9.3.3.2).
 */
export function answersOffer(offered: readonly OfferedContext[], answers: readonly AnsweredContext[]): boolean {
  const byId = new Map(offered.map((context) => [context.id, context]))
  return answers.every((answer) => {
    const context = byId.get(answer.id)
    if (context === undefined) return false
    return answer.result !== 0 || context.transferSyntaxes.includes(answer.transferSyntax ?? '')
  })
}

/**
 * We are SCP of all we accept: the requestor may be SCU, never SCP. Only what was proposed is answered, once for each SOP class
 * (PS3.7 D.3.3.4): repeated, the answers would not fit where the proposals did.
 */
export function answerRoles(
  proposed: readonly RoleSelection[],
  contexts: readonly PresentationContext[],
): readonly RoleSelection[] {
  const unanswered = new Set<string>(contexts.map((context) => context.abstractSyntax))
  return proposed
    .filter((role) => unanswered.delete(role.sopClass))
    .map((role) => ({ sopClass: role.sopClass, scu: role.scu, scp: false }))
}

function choose(offered: readonly string[], prefer: readonly string[]): string | undefined {
  const usable = offered.filter((syntax) => parseUid(syntax) !== undefined)
  return (
    prefer.find((syntax) => usable.includes(syntax)) ?? usable.find((syntax) => UNCOMPRESSED.has(syntax)) ?? usable[0]
  )
}
