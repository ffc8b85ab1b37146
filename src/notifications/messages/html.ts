/**
 * The HTML of a mail, limited to what mail programs support: tables, inline styles, no images, no scripts, no external
 * resources. The style sheet only changes colours for dark mode, because inline styles cannot.
 */
import type { Bar, Facts, Link, Row } from './facts.ts'

/** Every text of a message is escaped with this function, in elements and in attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`)
}

const FONT =
  "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'Noto Sans',sans-serif;"
const BAR_COLORS = { warning: '#d97706', danger: '#dc2626' } as const

const DARK = `
:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (prefers-color-scheme:dark){
.page{background:#16181d!important}
.card{background:#1f2229!important;border-color:#343943!important}
.strong{color:#f1f3f5!important}
.text{color:#c9ced6!important}
.faint{color:#9aa2ae!important}
.line{border-color:#343943!important}
.rest{background:#343943!important}
.warning{background:#f59e0b!important}
.danger{background:#f87171!important}
.button{background:#11755d!important}
.link{color:#86cab4!important}
.test{background:#33291a!important;color:#f6c667!important}
}
@media (max-width:480px){.inner{padding:24px 20px!important}.outer{padding:12px 8px!important}}`

/** A whole document. */
export function htmlOf(facts: Facts): string {
  const text = escapeHtml
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no">
<title>${text(facts.subject)}</title>
<style>${DARK}
</style>
</head>
<body class="page" style="margin:0;padding:0;background:#f3f4f6;-webkit-text-size-adjust:100%">
<div style="display:none;max-height:0;overflow:hidden;opacity:0">${text(facts.summary)}</div>
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#f3f4f6">
<tr><td class="outer" align="center" style="padding:32px 16px">
<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:600px;background:#ffffff;border:1px solid #e3e6ea;border-radius:12px;border-collapse:separate">
<tr><td class="inner" style="padding:32px 36px;${FONT}text-align:left">
${facts.isTest ? testBanner() : ''}<h1 class="strong" style="margin:0 0 10px;font-size:22px;line-height:1.3;font-weight:650;color:#14171c;overflow-wrap:anywhere"><bdi>${text(facts.headline)}</bdi></h1>
<p class="text" style="margin:0 0 22px;font-size:15px;line-height:1.55;color:#3f4650">${text(facts.summary)}</p>
${facts.bar === null ? '' : barOf(facts.bar)}
${rowsOf(facts.rows)}
<p class="text" style="margin:0 0 24px;font-size:15px;line-height:1.55;color:#3f4650">${text(facts.nextStep)}</p>
${linksOf(facts.links)}<p class="faint line" style="margin:0;padding-top:18px;border-top:1px solid #e3e6ea;font-size:12px;line-height:1.5;color:#667080;overflow-wrap:anywhere">${text(facts.footer)}</p>
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
`
}

function testBanner(): string {
  return `<p class="test" style="margin:0 0 18px;padding:8px 12px;border-radius:8px;background:#fff4dc;color:#7a4b00;font-size:13px;line-height:1.4;font-weight:600">Test notice: nothing was crossed</p>
`
}

/**
 * Two table cells, so that the bar is visible where images are blocked. A cell of zero width would still show a line.
 */
function barOf({ filled, tone, caption }: Bar): string {
  const cell = (width: number, style: string, name: string): string =>
    width <= 0
      ? ''
      : `<td class="${name}" width="${width}%" height="10" style="width:${width}%;height:10px;line-height:10px;font-size:0;${style}">&nbsp;</td>`
  const rest = Math.round((100 - filled) * 10) / 10
  const used = cell(filled, `background:${BAR_COLORS[tone]};border-radius:${radius(rest <= 0, 'left')}`, tone)
  const free = cell(rest, `background:#e3e6ea;border-radius:${radius(filled <= 0, 'right')}`, 'rest')
  return `<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="margin:0 0 6px;border-collapse:separate"><tr>${used}${free}</tr></table>
<p class="faint" style="margin:0 0 22px;font-size:13px;line-height:1.4;color:#667080">${escapeHtml(caption)}</p>`
}

function radius(isWhole: boolean, side: 'left' | 'right'): string {
  if (isWhole) return '5px'
  return side === 'left' ? '5px 0 0 5px' : '0 5px 5px 0'
}

/** A data table, which screen readers announce as one. */
function rowsOf(rows: readonly Row[]): string {
  const cell =
    'padding:9px 0;border-top:1px solid #e3e6ea;font-size:14px;line-height:1.45;vertical-align:top;'
  const lines = rows.map(
    ({ label, value }) =>
      `<tr><th class="faint line" scope="row" width="34%" style="${cell}padding-right:12px;font-weight:400;text-align:left;color:#667080">${escapeHtml(label)}</th><td class="strong line" style="${cell}color:#14171c;overflow-wrap:anywhere"><bdi>${escapeHtml(value)}</bdi></td></tr>`,
  )
  return `<table width="100%" cellpadding="0" cellspacing="0" border="0" style="margin:0 0 20px;${FONT}border-collapse:separate">
${lines.join('\n')}
</table>`
}

function linksOf([first, ...others]: readonly Link[]): string {
  if (first === undefined) return ''
  const more = others.map(
    ({ label, url }) =>
      `<a class="link" href="${escapeHtml(url)}" style="display:inline-block;margin-left:18px;padding:11px 0;font-size:15px;line-height:1.2;color:#11755d;text-decoration:underline">${escapeHtml(label)}</a>`,
  )
  return `<p style="margin:0 0 28px"><a class="button" href="${escapeHtml(first.url)}" style="display:inline-block;padding:11px 20px;border-radius:8px;background:#11755d;color:#ffffff;font-size:15px;line-height:1.2;font-weight:600;text-decoration:none">${escapeHtml(first.label)}</a>${more.join('')}</p>
`
}
