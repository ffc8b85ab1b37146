/** Styles of the components, and then ours. */
import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import './page.css'
