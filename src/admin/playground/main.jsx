import 'graphiql/setup-workers/vite'
import 'graphiql/style.css'
import { createGraphiQLFetcher } from '@graphiql/toolkit'
import { GraphiQL } from 'graphiql'
import { useMemo, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { SignIn } from './sign-in.jsx'

const url = new URL('../graphql', location.href).pathname

const query = `# Health, queues, and what came in last.
query Overview {
  health {
    ready
    version
    problems
  }
  destinations {
    name
    state
    queue {
      ready
      waiting
      held
      failed
    }
  }
  studies(first: 10) {
    nodes {
      studyInstanceUid
      modalities
      lastReceivedAt
    }
  }
}
`

// The token lives in this variable and nowhere else: not in the browser's storage, not in the address.
function Playground() {
  const [token, setToken] = useState('')
  const session = useMemo(() => sessionWith(token), [token])
  if (token === '') return <SignIn url={url} onToken={setToken} />
  return <GraphiQL {...session} defaultQuery={query} shouldPersistHeaders={false} />
}

function sessionWith(token) {
  const headers = { authorization: `Bearer ${token}` }
  return { fetcher: createGraphiQLFetcher({ url, headers }), storage: untilClosed() }
}

// Queries hold accession numbers; on a shared machine the browser's own storage would keep them for the next person.
function untilClosed() {
  const items = new Map()
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
    clear: () => items.clear(),
    get length() {
      return items.size
    },
  }
}

createRoot(document.getElementById('root')).render(<Playground />)
