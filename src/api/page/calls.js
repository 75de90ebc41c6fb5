// The public API, called with the token of this tab: in a header, never in an address.
import { hush, say } from './words.js'

const KEPT = 'kurir.token'
const SANE = /^[\x21-\x7e]{1,512}$/

const tokenInput = document.querySelector('#token')
const tokenAnswer = document.querySelector('#token-answer')
const forget = document.querySelector('#token-forget')

/** The form that takes the token; it stays until the tab is closed. */
export function startToken() {
  forget.hidden = sessionStorage.getItem(KEPT) === null
  if (!forget.hidden) say(tokenAnswer, 'tokenKept')
  document.querySelector('#token-form').addEventListener('submit', (event) => {
    event.preventDefault()
    const token = tokenInput.value.trim()
    tokenAnswer.classList.toggle('bad', !SANE.test(token))
    if (!SANE.test(token)) return say(tokenAnswer, 'tokenBad')
    sessionStorage.setItem(KEPT, token)
    tokenInput.value = ''
    forget.hidden = false
    say(tokenAnswer, 'tokenKept')
  })
  forget.addEventListener('click', () => {
    sessionStorage.removeItem(KEPT)
    forget.hidden = true
    say(tokenAnswer, 'tokenForgotten')
    tokenInput.focus()
  })
}

/** What a call carries; empty without a token: the caller's address may be enough. */
export function authorization() {
  const token = sessionStorage.getItem(KEPT)
  return token === null ? {} : { authorization: `Bearer ${token}` }
}

/** Says what a refusal means, and asks for the token again where that is what is wrong. */
export function sayRefusal(element, status, message = '') {
  element.classList.add('bad')
  if (status === 0) return say(element, 'unreachable')
  if (status === 401) {
    const missing = sessionStorage.getItem(KEPT) === null
    say(element, missing ? 'tokenFirst' : 'status401')
    tokenAnswer.classList.add('bad')
    say(tokenAnswer, missing ? 'tokenFirst' : 'status401')
    tokenInput.focus()
    return
  }
  if ([403, 404, 413, 429, 503, 507].includes(status)) return say(element, `status${status}`)
  say(element, 'statusOther', { status, message })
}

/** Begins an answer anew. */
export function sayWorking(element) {
  element.classList.remove('bad', 'good')
  hush(element)
  say(element, 'working')
}

/** Asks, and never throws. @returns status 0 for no answer */
export async function ask(path, options = {}) {
  try {
    const response = await fetch(path, {
      ...options,
      headers: { ...authorization(), ...options.headers },
      cache: 'no-store',
    })
    return { status: response.status, response, json: () => response.json().catch(() => ({})) }
  } catch {
    return { status: 0, response: undefined, json: async () => ({}) }
  }
}

/** Sends a body with progress, which `fetch` does not tell. Resolves with status 0 for no answer. */
export function send(path, { body, headers = {}, progress, signal }) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest()
    request.open('POST', path)
    for (const [name, value] of Object.entries({ ...authorization(), ...headers }))
      request.setRequestHeader(name, value)
    request.upload.addEventListener('progress', ({ loaded, total }) => progress(total === 0 ? 1 : loaded / total))
    request.upload.addEventListener('load', () => progress(1))
    const end = () => {
      signal.removeEventListener('abort', stop)
      resolve({ status: request.status, answer: parsed(request.responseText) })
    }
    const stop = () => request.abort()
    for (const event of ['load', 'error', 'abort', 'timeout']) request.addEventListener(event, end)
    signal.addEventListener('abort', stop, { once: true })
    request.send(body)
  })
}

function parsed(text) {
  try {
    const answer = JSON.parse(text)
    return typeof answer === 'object' && answer !== null ? answer : {}
  } catch {
    return {}
  }
}

/** `12.3 MB` */
export function size(bytes) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}
