import { GraphQLError } from 'graphql'

/** The caller's mistake where the schema leaves no other way to say so. The sentence repeats nothing of the input. */
export const badInput = (sentence: string): GraphQLError =>
  new GraphQLError(sentence, { extensions: { code: 'BAD_USER_INPUT' } })

export const forbidden = (role: string): GraphQLError =>
  new GraphQLError(`This needs the role ${role}.`, { extensions: { code: 'FORBIDDEN' } })
