import { Select, Text, Title } from '@mantine/core'
import { IconCircle, IconCircleCheckFilled } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactElement } from 'react'
import { Link } from 'wouter'
import { dataUrlOf, useGateway } from '../api/gateway.ts'
import { get } from '../api/http.ts'
import type { Gateway, Member, Page, UserLimits, VirtualKey } from '../api/types.ts'
import { CodeBlock } from '../parts/copy-button.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { Panel } from '../parts/panel.tsx'
import { RowsSkeleton } from '../parts/skeletons.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { baseUrl, snippetsFor } from './snippets.ts'

/** The next steps, and how to configure an SDK for the gateway. */
export function StartPage(): ReactElement {
  const gateway = useGateway()
  return (
    <div className="tg-page">
      <PageHead title="Connect an SDK">
        Calls go to the gateway instead of the provider. Only the base URL and the key change.
      </PageHead>
      <Steps />
      <Panel title="Base URLs and code" description="Put a key of yours in the place of tg_….">
        <div className="tg-panel-body">
          {gateway.isPending ? (
            <RowsSkeleton />
          ) : gateway.isError ? (
            <ErrorState error={gateway.error} onRetry={() => void gateway.refetch()} />
          ) : (
            <Code gateway={gateway.data} />
          )}
        </div>
      </Panel>
    </div>
  )
}

interface Step {
  readonly isDone: boolean
  readonly title: string
  readonly text: string
  readonly link?: { readonly to: string; readonly label: string }
}

function useSteps(): readonly Step[] | null {
  const { org, path } = useOrg()
  const members = useQuery({
    queryKey: ['members', 'some', path],
    queryFn: () => get<Page<Member>>(`${path}/members`, { limit: 2 }),
  })
  const keys = useQuery({
    queryKey: ['keys', 'some', path],
    queryFn: () => get<Page<VirtualKey>>(`${path}/keys`, { limit: 200 }),
  })
  const limits = useQuery({
    queryKey: ['limits', 'some', path],
    queryFn: () => get<UserLimits>(`${path}/user-limits`),
  })
  if (members.data === undefined || keys.data === undefined || limits.data === undefined) return null
  return [
    {
      isDone: members.data.items.length > 1,
      title: 'Add your people',
      text: 'Everybody whose calls the organization pays for.',
      link: { to: '/members', label: 'Members' },
    },
    {
      isDone: keys.data.items.some(({ scope }) => scope === 'traffic'),
      title: 'Make a key',
      text: 'For a person, or for an app that names its user.',
      link: { to: '/keys', label: 'Keys' },
    },
    { isDone: org.used > 0, title: 'Make a call', text: 'With the curl below, or from an SDK.' },
    {
      isDone: limits.data.enabled,
      title: 'Set a limit',
      text: 'How much each user can use, and who hears of it.',
      link: { to: '/limits', label: 'Limits & Alerts' },
    },
  ]
}

function Steps(): ReactElement {
  const steps = useSteps()
  return (
    <Panel title="First steps">
      <div className="tg-panel-body">
        {steps === null ? (
          <RowsSkeleton rows={4} />
        ) : (
          <ol className="tg-steps">
            {steps.map((step) => (
              <li key={step.title}>
                {step.isDone ? (
                  <IconCircleCheckFilled size={20} className="tg-step-done" role="img" aria-label="Done:" />
                ) : (
                  <IconCircle size={20} stroke={1.5} className="tg-quiet" role="img" aria-label="To do:" />
                )}
                <div>
                  <Text fw={500}>{step.title}</Text>
                  <Text c="dimmed">
                    {step.text}{' '}
                    {step.link !== undefined && <Link href={step.link.to}>{step.link.label}</Link>}
                  </Text>
                </div>
              </li>
            ))}
          </ol>
        )}
      </div>
    </Panel>
  )
}

function Code({ gateway }: { gateway: Gateway }): ReactElement {
  const [name, setName] = useState(gateway.upstreams[0]?.name ?? '')
  const dataUrl = dataUrlOf(gateway, window.location.hostname)
  const upstream = gateway.upstreams.find((one) => one.name === name)
  return (
    <>
      {gateway.upstreams.length > 1 && (
        <Select
          label="API"
          allowDeselect={false}
          maw={280}
          mb="lg"
          data={gateway.upstreams.map((one) => one.name)}
          value={name}
          onChange={(value) => setName(value ?? name)}
        />
      )}
      {upstream !== undefined && (
        <div className="tg-snippets">
          <div>
            <Title order={3}>Base URL</Title>
            <CodeBlock label="Base URL" code={baseUrl(dataUrl, upstream)} />
          </div>
          {snippetsFor(dataUrl, upstream).map(({ title, code }) => (
            <div key={title}>
              <Title order={3}>{title}</Title>
              <CodeBlock label={title} code={code} />
            </div>
          ))}
        </div>
      )}
    </>
  )
}
