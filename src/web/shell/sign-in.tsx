import { Button, PasswordInput, Stack, Text, Title } from '@mantine/core'
import { useState, type FormEvent, type ReactElement } from 'react'
import { Problem } from '../api/http.ts'
import { useSignIn } from '../api/session.ts'
import { useTitle } from '../parts/use-title.ts'
import { Wordmark } from './wordmark.tsx'

export function SignIn(): ReactElement {
  useTitle('Sign in')
  const [key, setKey] = useState('')
  const [isMissing, setMissing] = useState(false)
  const signIn = useSignIn()

  function submit(event: FormEvent): void {
    event.preventDefault()
    setMissing(key.trim() === '')
    if (key.trim() !== '') signIn.mutate(key.trim())
  }

  return (
    <main className="tg-sign-in">
      <div className="tg-sign-in-card">
        <Wordmark />
        <Title order={1} mt="xl">
          Sign in
        </Title>
        <Text c="dimmed" mt={4}>
          With a key made for this page. Admins come to the settings, members to their own usage.
        </Text>
        <form onSubmit={submit} noValidate>
          <Stack mt="lg" gap="md">
            <PasswordInput
              label="Key"
              placeholder="tg_…"
              autoComplete="current-password"
              autoFocus
              size="md"
              value={key}
              onChange={(event) => setKey(event.currentTarget.value)}
              error={isMissing ? 'Enter your key.' : messageOf(signIn.error)}
              visibilityToggleButtonProps={{
                'aria-label': 'Show or hide the key',
                'aria-hidden': false,
                tabIndex: 0,
              }}
            />
            <Button type="submit" size="md" fullWidth loading={signIn.isPending}>
              Sign in
            </Button>
          </Stack>
        </form>
        <Text size="xs" c="dimmed" mt="lg">
          No key? Another admin of your organization makes one under Keys, with the scope “admin”.
        </Text>
      </div>
    </main>
  )
}

function messageOf(error: Error | null): string | null {
  if (error === null) return null
  if (error instanceof Problem && error.status === 401)
    return 'This key does not open this page. It may be mistyped or revoked, or be one for traffic.'
  return error.message
}
