export const SOURCE_NAMES: Readonly<Record<string, string>> = {
  chat: 'Chat',
  workflow: 'Workflows',
  agent_deployment: 'Deployed agents',
}
