import type { SopClassUid, TransferSyntaxUid } from '../dicom/uid.ts'
import type { ProposedContext } from '../dimse/association.ts'
import type { TransferSyntaxChoice } from '../rules/destination.ts'
import { candidates } from './transfer-syntax-choice.ts'

/** What an instance needs of an association: its SOP class, in the transfer syntax it was received in. */
export interface Need {
  readonly sopClass: SopClassUid
  readonly transferSyntax: TransferSyntaxUid
}

/** Presentation context ids are the odd ones of one byte (PS3.8 9.3.2.2). */
export const MOST_CONTEXTS = 128

export const needKey = (need: Need): string => `${need.sopClass} ${need.transferSyntax}`

export interface ContextPlan {
  readonly contexts: readonly ProposedContext[]
  /** The needs (by `needKey`) whose every candidate is proposed. What is missing takes another association. */
  readonly covered: ReadonlySet<string>
}

/**
 * One context for each SOP class and transfer syntax, so that the acceptor cannot choose for us which of several an
 * instance leaves in. The first needs come first; one that no longer fits whole is left for another association.
 */
export function planContexts(needs: Iterable<Need>, choice: TransferSyntaxChoice): ContextPlan {
  const contexts = new Map<string, ProposedContext>()
  const covered = new Set<string>()
  for (const need of needs) {
    if (covered.has(needKey(need))) continue
    const wanted = candidates(need.transferSyntax, choice)
      .map((transferSyntax) => ({ sopClass: need.sopClass, transferSyntax }))
      .filter((pair) => !contexts.has(needKey(pair)))
    if (contexts.size + wanted.length > MOST_CONTEXTS) continue
    for (const pair of wanted) {
      contexts.set(needKey(pair), { abstractSyntax: pair.sopClass, transferSyntaxes: [pair.transferSyntax] })
    }
    covered.add(needKey(need))
  }
  return { contexts: [...contexts.values()], covered }
}
