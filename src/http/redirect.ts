import type { HttpAnswer, HttpMethod } from './exchange.ts'

/**
 * Where an answer sends us, when we go there: within the same origin, and without changing what is asked (RFC 9110 15.4).
 * A redirect elsewhere would take credentials and patient data to a place nobody declared, so it is an answer like any other.
 */
export function redirectWithin(from: URL, method: HttpMethod, answer: HttpAnswer): URL | undefined {
  const reads = method === 'GET' || method === 'HEAD'
  const follows = answer.status === 307 || answer.status === 308 || (reads && [301, 302, 303].includes(answer.status))
  const location = answer.headers['location']
  if (!follows || location === undefined || !URL.canParse(location, from.href)) return undefined
  const to = new URL(location, from.href)
  return to.origin === from.origin && to.username === '' && to.href !== from.href ? to : undefined
}
