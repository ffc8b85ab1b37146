/** The frame of every view: navigation, the signed-in user, and the choice of light or dark. */
import { Burger, Drawer } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useEffect, type ReactElement, type ReactNode } from 'react'
import { Link, useLocation } from 'wouter'
import type { Session } from '../api/types.ts'
import { Account } from './account.tsx'
import { NAV, type NavGroup } from './links.ts'
import { Wordmark } from './wordmark.tsx'

interface ShellProps {
  readonly session: Session
  readonly links?: readonly NavGroup[]
  readonly children: ReactNode
}

export function Shell({ session, links = NAV, children }: ShellProps): ReactElement {
  const [isOpen, { open, close }] = useDisclosure(false)
  const [location] = useLocation()
  // After navigation, the view is shown instead of the menu.
  useEffect(close, [location, close])
  const side = (
    <>
      <SideNav groups={links} location={location} />
      <Account session={session} />
    </>
  )
  return (
    <div className="tg-shell">
      <a className="tg-skip" href="#content">
        Skip to the content
      </a>
      <aside aria-label="Menu" className="tg-topbar">
        <Burger size="sm" opened={isOpen} onClick={open} aria-label="Open the menu" aria-expanded={isOpen} />
        <Wordmark />
      </aside>
      <aside aria-label="Menu and account" className="tg-side">
        <div className="tg-side-inner">
          <Wordmark />
          {side}
        </div>
      </aside>
      <Drawer
        opened={isOpen}
        onClose={close}
        size={280}
        title={<Wordmark />}
        closeButtonProps={{ 'aria-label': 'Close the menu' }}
      >
        <div className="tg-drawer">{side}</div>
      </Drawer>
      <main id="content" className="tg-main" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

function SideNav({
  groups,
  location,
}: {
  groups: readonly NavGroup[]
  location: string
}): ReactElement | null {
  if (groups.length === 0) return null
  return (
    <nav aria-label="Main" className="tg-nav">
      {groups.map(({ label, links }) => (
        <div key={label} className="tg-nav-group">
          <p className="tg-nav-label" id={`nav-${label}`}>
            {label}
          </p>
          <ul aria-labelledby={`nav-${label}`}>
            {links.map(({ to, label: name, icon: Icon }) => (
              <li key={to}>
                <Link href={to} className="tg-nav-link" aria-current={location === to ? 'page' : undefined}>
                  <Icon size={18} stroke={1.6} aria-hidden />
                  {name}
                </Link>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  )
}
