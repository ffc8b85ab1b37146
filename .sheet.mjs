import { chromium } from 'playwright-core'
const [out, cols, w, ...files] = process.argv.slice(2)
const b = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: ['--no-sandbox','--disable-gpu'] })
const p = await b.newPage({ viewport: { width: Number(cols) * (Number(w)+8), height: 800 } })
import { writeFileSync } from 'node:fs'
writeFileSync('/tmp/sheet.html', `<body style="margin:0;display:grid;grid-template-columns:repeat(${cols},${w}px);gap:8px;align-items:start;background:#888">${files.map(f=>`<img src="file://${f}" style="width:${w}px;max-height:1000px;object-fit:cover;object-position:top">`).join('')}</body>`)
await p.goto('file:///tmp/sheet.html'); await p.waitForLoadState('networkidle')
await p.screenshot({ path: out, fullPage: true }); await b.close()
