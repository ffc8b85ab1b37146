import { ActionIcon, Tooltip } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import type { ReactElement } from 'react'

const SHOWN_MS = 2_000

export function CopyButton({ text, label }: { text: string; label: string }): ReactElement {
  const { copied, copy } = useClipboard({ timeout: SHOWN_MS })
  const says = copied ? 'Copied' : label
  return (
    <Tooltip label={says}>
      <ActionIcon aria-label={says} onClick={() => copy(text)} color={copied ? 'pine' : 'gray'}>
        {copied ? <IconCheck size={17} /> : <IconCopy size={17} stroke={1.6} />}
      </ActionIcon>
    </Tooltip>
  )
}

/** A command or a piece of code, with a button to copy it. */
export function CodeBlock({ code, label }: { code: string; label: string }): ReactElement {
  return (
    <div className="tg-code">
      <pre tabIndex={0} role="region" aria-label={label}>
        <code>{code}</code>
      </pre>
      <CopyButton text={code} label={`Copy: ${label}`} />
    </div>
  )
}
