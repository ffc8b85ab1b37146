import '@fontsource-variable/inter'
import './styles.ts'
import { MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { queryClient } from './api/query-client.ts'
import { App } from './app.tsx'
import { cssVariables, theme } from './theme.ts'

/** The policy allows styles that components write at run time only with this nonce. */
const nonce = document.querySelector('meta[name="style-nonce"]')?.getAttribute('content') ?? ''
// One library does not ask Mantine for the nonce and reads this variable instead.
Object.assign(window, { __webpack_nonce__: nonce })

const root = document.getElementById('root')
if (root === null) throw new Error('the document has no #root')
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queryClient}>
        <App />
        <Notifications position="bottom-right" autoClose={5000} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
