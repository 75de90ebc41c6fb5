import 'graphiql/setup-workers/vite'
import 'graphiql/style.css'
import { createGraphiQLFetcher } from '@graphiql/toolkit'
import { GraphiQL } from 'graphiql'
import { useState } from 'react'
import { createRoot } from 'react-dom/client'
import { SignIn } from './sign-in.jsx'

const url = new URL('../graphql', location.href).pathname

const query = `# How this Kurir is, what waits where, and what came in last.
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
  if (token === '') return <SignIn url={url} onToken={setToken} />
  const fetcher = createGraphiQLFetcher({ url, headers: { authorization: `Bearer ${token}` } })
  return <GraphiQL fetcher={fetcher} defaultQuery={query} shouldPersistHeaders={false} />
}

createRoot(document.getElementById('root')).render(<Playground />)
