import {
  IconBell,
  IconChartAreaLine,
  IconClipboardList,
  IconGauge,
  IconKey,
  IconPlugConnected,
  IconSend,
  IconUsers,
  type Icon,
} from '@tabler/icons-react'

export interface NavLink {
  readonly to: string
  readonly label: string
  readonly icon: Icon
}

export interface NavGroup {
  readonly label: string
  readonly links: readonly NavLink[]
}

export const NAV: readonly NavGroup[] = [
  {
    label: 'Credits',
    links: [
      { to: '/limits', label: 'Limits & Alerts', icon: IconGauge },
      { to: '/usage', label: 'Usage', icon: IconChartAreaLine },
    ],
  },
  {
    label: 'Notices',
    links: [
      { to: '/notifications', label: 'Notifications', icon: IconBell },
      { to: '/channels', label: 'Channels', icon: IconSend },
    ],
  },
  {
    label: 'Access',
    links: [
      { to: '/members', label: 'Members', icon: IconUsers },
      { to: '/keys', label: 'Keys', icon: IconKey },
      { to: '/audit', label: 'Audit log', icon: IconClipboardList },
    ],
  },
  { label: 'Help', links: [{ to: '/start', label: 'Connect an SDK', icon: IconPlugConnected }] },
]
