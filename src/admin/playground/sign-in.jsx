import { useState } from 'react'

const SENTENCES = { 401: 'This token is not known here.', 403: 'This token may not read. It needs the role VIEWER.' }

/** Asks for a token and tries it before anything else is loaded with it. */
export function SignIn({ url, onToken }) {
  const [problem, setProblem] = useState('')

  async function trySignIn(event) {
    event.preventDefault()
    const token = new FormData(event.currentTarget).get('token').trim()
    setProblem('')
    setProblem(await tryToken(url, token, onToken))
  }

  return (
    <form className="sign-in" onSubmit={trySignIn}>
      <h1>Kurir</h1>
      <label htmlFor="token">Token</label>
      <input id="token" name="token" type="password" autoComplete="off" required />
      <button type="submit">Open the playground</button>
      <p role="alert">{problem}</p>
      <p className="hint">
        The first token is in the file <code>admin-token</code> of the data directory. What you type here is forgotten
        when the page is closed.
      </p>
    </form>
  )
}

async function tryToken(url, token, onToken) {
  const headers = { 'content-type': 'application/json' }
  try {
    headers.authorization = new Headers({ authorization: `Bearer ${token}` }).get('authorization')
    const response = await fetch(url, { method: 'POST', headers, body: '{"query":"{ __typename }"}' })
    if (response.ok) onToken(token)
    return response.ok ? '' : (SENTENCES[response.status] ?? `Kurir answered ${response.status}.`)
  } catch {
    return 'Kurir cannot be reached, or the token holds characters that no token has.'
  }
}
