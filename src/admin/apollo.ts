import { ApolloServer } from '@apollo/server'
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled'
import type { GraphQLSchema } from 'graphql'
import type { NewId } from '../base/id.ts'
import type { Log } from '../base/log.ts'
import type { AdminContext } from './context.ts'
import { errorFormat } from './failures.ts'

/** Words, names and punctuation of one document. */
export const MOST_TOKENS = 2_000

/** Apollo with nothing that reaches out, keeps state, or tells of itself. Resolves when it can execute. */
export async function startApollo(schema: GraphQLSchema, log: Log, newId: NewId): Promise<ApolloServer<AdminContext>> {
  const apollo = new ApolloServer<AdminContext>({
    schema,
    // Every caller has shown a token, and the SDL is public: hiding it would only hide it from our own playground.
    introspection: true,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    cache: 'bounded',
    parseOptions: { maxTokens: MOST_TOKENS },
    formatError: errorFormat(log, newId),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    plugins: [
      // The default one is loaded from a CDN.
      ApolloServerPluginLandingPageDisabled(),
      {
        // Before a byte of the answer leaves: what cannot be audited is not shown.
        async requestDidStart() {
          return {
            willSendResponse: async ({ contextValue }) =>
              await contextValue.phi.record(contextValue.ledger, contextValue.caller.name),
          }
        },
      },
    ],
  })
  await apollo.start()
  return apollo
}
