import type { OperatorOutcome } from '../../ledger/ledger.ts'
import { badInput } from '../bad-input.ts'

/** There is no such thing. @param id as the caller named it */
export const notFound = (what: string, id: string) =>
  ({ __typename: 'NotFound', code: 'NOT_FOUND', message: `There is no such ${what}.`, id }) as const

/** It is there, but in a state that does not allow this. */
export const notAllowedNow = (message: string, state: string) =>
  ({ __typename: 'NotAllowedNow', code: 'NOT_ALLOWED_NOW', message, state }) as const

export const invalid = (message: string, path: readonly string[]) =>
  ({ __typename: 'Invalid', code: 'INVALID', message, path }) as const

/** The failures of an operator's verb as data. Undefined when it was done. */
export function refusalOf(outcome: OperatorOutcome<unknown>, what: string, id: string) {
  switch (outcome.kind) {
    case 'ok':
      return undefined
    case 'not-found':
      return notFound(what, id)
    case 'not-allowed-now':
      return notAllowedNow(`The ${what} is ${outcome.state}, which does not allow this.`, outcome.state)
    default:
      throw new TypeError(`no such outcome: ${outcome satisfies never}`)
  }
}

const LONGEST_REASON = 500

/** Why an operator does something, as it goes on record. Throws BAD_USER_INPUT for nothing and for a novel. */
export function readReason(text: string): string {
  const reason = text.trim()
  if (reason === '' || reason.length > LONGEST_REASON)
    throw badInput(`A reason has from 1 to ${LONGEST_REASON} characters.`)
  return reason
}
