import 'graphiql/setup-workers/vite'
import 'graphiql/style.css'
import { createGraphiQLFetcher } from '@graphiql/toolkit'
import { GraphiQL } from 'graphiql'
import { createRoot } from 'react-dom/client'

const fetcher = createGraphiQLFetcher({ url: new URL('../graphql', location.href).pathname })

const query = `# Put your token in place of the dots under "Headers" below, then press the arrow.
{
  health {
    state
  }
}
`
const headers = `{ "Authorization": "Bearer …" }`

// The token stays in the page: shouldPersistHeaders would leave it in the browser's storage.
createRoot(document.getElementById('root')).render(
  <GraphiQL
    fetcher={fetcher}
    defaultQuery={query}
    defaultHeaders={headers}
    defaultEditorToolsVisibility="headers"
    isHeadersEditorEnabled
    shouldPersistHeaders={false}
  />,
)
