import {
  ActionIcon,
  SegmentedControl,
  Text,
  Tooltip,
  useMantineColorScheme,
  VisuallyHidden,
} from '@mantine/core'
import { IconDeviceDesktop, IconLogout, IconMoon, IconSun, type Icon } from '@tabler/icons-react'
import type { ReactElement } from 'react'
import { useSignOut } from '../api/session.ts'
import type { Session } from '../api/types.ts'
import { leave } from './unsaved.tsx'

export function Account({ session }: { session: Session }): ReactElement {
  const signOut = useSignOut()
  return (
    <div className="tg-account">
      <SchemeControl />
      <div className="tg-account-line">
        <div className="tg-account-who">
          <Text fw={500} truncate>
            {session.name ?? session.user}
          </Text>
          <Text size="xs" c="dimmed" truncate>
            {session.role === 'admin' ? 'Admin' : 'Member'} of {session.org}
          </Text>
        </div>
        <Tooltip label="Sign out">
          <ActionIcon
            aria-label="Sign out"
            loading={signOut.isPending}
            onClick={() => leave(() => signOut.mutate())}
          >
            <IconLogout size={18} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
      </div>
    </div>
  )
}

const SCHEMES: readonly {
  readonly value: 'auto' | 'light' | 'dark'
  readonly label: string
  readonly icon: Icon
}[] = [
  { value: 'auto', label: 'As the system', icon: IconDeviceDesktop },
  { value: 'light', label: 'Light', icon: IconSun },
  { value: 'dark', label: 'Dark', icon: IconMoon },
]

function SchemeControl(): ReactElement {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  return (
    <SegmentedControl
      aria-label="Colours"
      size="xs"
      fullWidth
      value={colorScheme}
      onChange={(value) => setColorScheme(value as 'auto' | 'light' | 'dark')}
      data={SCHEMES.map(({ value, label, icon: Icon }) => ({
        value,
        label: (
          <span className="tg-scheme" title={label}>
            <Icon size={15} stroke={1.6} aria-hidden />
            <VisuallyHidden>{label}</VisuallyHidden>
          </span>
        ),
      }))}
    />
  )
}
