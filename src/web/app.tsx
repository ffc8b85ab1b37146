import { lazy, Suspense, type ComponentType, type LazyExoticComponent, type ReactElement } from 'react'
import { Route, Router, Switch, type AroundNavHandler } from 'wouter'
import { useSession } from './api/session.ts'
import type { Session } from './api/types.ts'
import { ErrorState } from './parts/error-state.tsx'
import { Home } from './start/home.tsx'
import { PageSkeleton } from './parts/skeletons.tsx'
import { OrgProvider } from './shell/org-context.tsx'
import { Shell } from './shell/shell.tsx'
import { SignIn } from './shell/sign-in.tsx'
import { leave, UnsavedDialog } from './shell/unsaved.tsx'

type View = LazyExoticComponent<ComponentType>

/** Each view is a separate file, which is loaded when the view is first shown. */
const VIEWS: Readonly<Record<string, View>> = {
  '/start': lazy(() => import('./start/start-page.tsx').then(({ StartPage }) => ({ default: StartPage }))),
  '/limits': lazy(() =>
    import('./limits/limits-page.tsx').then(({ LimitsPage }) => ({ default: LimitsPage })),
  ),
  '/usage': lazy(() => import('./usage/usage-page.tsx').then(({ UsagePage }) => ({ default: UsagePage }))),
  '/notifications': lazy(() =>
    import('./notifications/notifications-page.tsx').then(({ NotificationsPage }) => ({
      default: NotificationsPage,
    })),
  ),
  '/channels': lazy(() =>
    import('./channels/channels-page.tsx').then(({ ChannelsPage }) => ({ default: ChannelsPage })),
  ),
  '/members': lazy(() =>
    import('./members/members-page.tsx').then(({ MembersPage }) => ({ default: MembersPage })),
  ),
  '/keys': lazy(() => import('./keys/keys-page.tsx').then(({ KeysPage }) => ({ default: KeysPage }))),
  '/audit': lazy(() => import('./audit/audit-page.tsx').then(({ AuditPage }) => ({ default: AuditPage }))),
}
const MemberView = lazy(() => import('./me/me-page.tsx').then(({ MePage }) => ({ default: MePage })))

const around: AroundNavHandler = (navigate, to, options) => leave(() => navigate(to, options))

export function App(): ReactElement {
  return (
    <Router aroundNav={around}>
      <Gate />
      <UnsavedDialog />
    </Router>
  )
}

function Gate(): ReactElement | null {
  const session = useSession()
  if (session.isPending) return null
  if (session.isError) return <ErrorState error={session.error} onRetry={() => void session.refetch()} />
  if (session.data === null) return <SignIn />
  return <SignedIn session={session.data} />
}

function SignedIn({ session }: { session: Session }): ReactElement {
  if (session.role === 'member') {
    return (
      <Shell session={session} links={[]}>
        <Suspense fallback={<PageSkeleton />}>
          <MemberView />
        </Suspense>
      </Shell>
    )
  }
  return (
    <OrgProvider session={session}>
      <Shell session={session}>
        <Suspense fallback={<PageSkeleton />}>
          <Switch>
            {Object.entries(VIEWS).map(([path, view]) => (
              <Route key={path} path={path} component={view} />
            ))}
            <Route>
              <Home />
            </Route>
          </Switch>
        </Suspense>
      </Shell>
    </OrgProvider>
  )
}
