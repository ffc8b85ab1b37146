/** Colours, type and defaults of components: neutral greys, one accent, tabular figures. */
import {
  ActionIcon,
  Button,
  Checkbox,
  createTheme,
  Modal,
  Skeleton,
  Switch,
  Text,
  Tooltip,
  type CSSVariablesResolver,
  type MantineColorsTuple,
} from '@mantine/core'

const pine: MantineColorsTuple = [
  '#eef8f5',
  '#d9efe8',
  '#b3decf',
  '#86cab4',
  '#5bb69a',
  '#35a083',
  '#1a8a6e',
  '#11755d',
  '#0c614d',
  '#074a3b',
]
const gray: MantineColorsTuple = [
  '#fafafa',
  '#f4f4f5',
  '#ebebed',
  '#dfdfe3',
  '#c6c6cd',
  '#8d8d97',
  '#5f5f69',
  '#494951',
  '#2f2f35',
  '#18181b',
]
const dark: MantineColorsTuple = [
  '#e8e8eb',
  '#cbcbd1',
  '#a5a5af',
  '#77777f',
  '#3c3c44',
  '#323239',
  '#28282e',
  '#1b1b1f',
  '#141417',
  '#0e0e10',
]

const red: MantineColorsTuple = [
  '#fff1f1',
  '#ffdede',
  '#fbbcbc',
  '#f59595',
  '#ee7070',
  '#e05252',
  '#d23c3c',
  '#c22a2a',
  '#a52222',
  '#841a1a',
]

export const theme = createTheme({
  colors: { pine, gray, dark, red },
  primaryColor: 'pine',
  primaryShade: { light: 7, dark: 7 },
  white: '#ffffff',
  black: '#18181b',
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: '"Inter Variable", system-ui, -apple-system, "Segoe UI", sans-serif',
  fontFamilyMonospace: 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace',
  headings: {
    fontWeight: '600',
    sizes: {
      h1: { fontSize: '1.5rem', lineHeight: '1.3' },
      h2: { fontSize: '1.0625rem', lineHeight: '1.4' },
      h3: { fontSize: '0.9375rem', lineHeight: '1.4' },
    },
  },
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'subtle', color: 'gray', size: 'lg' } }),
    Button: Button.extend({ defaultProps: { size: 'sm' } }),
    Checkbox: Checkbox.extend({ defaultProps: { radius: 'sm' } }),
    Modal: Modal.extend({
      defaultProps: {
        centered: true,
        radius: 'lg',
        padding: 'xl',
        overlayProps: { backgroundOpacity: 0.45 },
        transitionProps: { transition: 'fade', duration: 120 },
        closeButtonProps: { 'aria-label': 'Close' },
      },
    }),
    Skeleton: Skeleton.extend({ defaultProps: { radius: 'sm' } }),
    Switch: Switch.extend({ defaultProps: { size: 'sm' } }),
    Text: Text.extend({ defaultProps: { size: 'sm' } }),
    Tooltip: Tooltip.extend({
      defaultProps: { openDelay: 300, events: { hover: true, focus: true, touch: false } },
    }),
  },
})

/** Text colours with a contrast of at least 4.5, and the background of cards. */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': gray[6],
    '--mantine-color-placeholder': '#74747e',
    '--mantine-color-error': '#c22a2a',
    '--mantine-color-anchor': pine[7],
    '--tg-ground': '#f6f6f7',
    '--tg-card': '#ffffff',
    '--tg-line': '#e4e4e8',
    '--tg-line-strong': '#cfcfd6',
    '--tg-warn': '#9a5b00',
    '--tg-warn-fill': '#d98a12',
    '--tg-bad': '#c22a2a',
    '--tg-bad-fill': '#d64545',
    '--tg-accent': pine[7],
    '--tg-accent-soft': pine[0],
  },
  dark: {
    '--mantine-color-dimmed': dark[2],
    '--mantine-color-placeholder': '#8f8f99',
    '--mantine-color-error': '#ff8787',
    '--mantine-color-anchor': pine[3],
    '--tg-ground': dark[8],
    '--tg-card': dark[7],
    '--tg-line': '#2b2b31',
    '--tg-line-strong': dark[4],
    '--tg-warn': '#f0b65a',
    '--tg-warn-fill': '#d99a35',
    '--tg-bad': '#ff8787',
    '--tg-bad-fill': '#e05c5c',
    '--tg-accent': pine[4],
    '--tg-accent-soft': '#16302a',
  },
})
