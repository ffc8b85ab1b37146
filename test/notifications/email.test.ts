import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import t, { type Test } from 'tap'
import type { EmailSender } from '../../src/notifications/channels/channel.ts'
import { createSmtpSender, type SmtpOptions } from '../../src/notifications/channels/email.ts'
import { createMailFiles } from '../../src/notifications/channels/mail-files.ts'
import { parseSender, type Sender } from '../../src/notifications/channels/mail-message.ts'
import { makeCertificate } from '../support/certificate.ts'
import { ADA, BOSS, HOSTILE, noticeOf } from '../support/notices.ts'
import { smtpError, startSmtp } from '../support/smtp.ts'

const FROM: Sender = { name: 'Tollgate', address: 'noreply@tollgate.example', domain: 'tollgate.example' }

function senderTo(t: Test, url: string, options: Partial<SmtpOptions> = {}): EmailSender {
  const sender = createSmtpSender({ url, from: FROM, startTls: 'optional', timeoutMs: 20_000, ...options })
  t.teardown(() => sender.close())
  return sender
}

const sink = await startSmtp()
t.teardown(() => sink.stop())

async function lastMail(sender: EmailSender, ...args: Parameters<EmailSender['send']>) {
  t.same(await sender.send(...args), { status: 'sent' })
  const mail = sink.mails.at(-1)
  if (mail === undefined) throw new Error('no mail has come')
  return mail
}

void t.test(
  'N2: a mail goes to its one recipient, says what it is, and nobody’s machine answers it',
  async (t) => {
    const mail = await lastMail(senderTo(t, sink.url), noticeOf('limit'), BOSS)
    t.equal(mail.from, 'noreply@tollgate.example')
    t.same(mail.to, ['grace@example.com'])
    const { headers, subject, text, html } = mail.parsed
    t.equal(mail.parsed.from?.text, '"Tollgate" <noreply@tollgate.example>')
    t.equal(subject, 'Ada Lovelace has reached the limit of 1,000 credits at Acme Research')
    t.equal(headers.get('auto-submitted'), 'auto-generated')
    t.equal(headers.get('x-tollgate-event'), 'user.limit.reached')
    t.equal(headers.get('x-tollgate-crossing'), 'c-limit-1')
    t.match(mail.raw, /^List-ID: <acme\.notices\.tollgate\.example>\r?$/im)
    t.match(text, 'Raise the limit')
    t.match(html, 'Raise the limit')
  },
)

void t.test(
  'N2: the Message-ID is the same for a repeat, and another one for each reader and crossing',
  async (t) => {
    const sender = senderTo(t, sink.url)
    const idOf = async (...args: Parameters<EmailSender['send']>) =>
      (await lastMail(sender, ...args)).parsed.messageId
    const first = await idOf(noticeOf('limit'), BOSS)
    t.match(first, /^<[0-9a-f]{20}@tollgate\.example>$/)
    t.match((await lastMail(sender, noticeOf('limit'), BOSS)).raw, /^Message-ID: <\S+>\r?$/m, 'in one line')
    t.equal(await idOf(noticeOf('limit'), { ...BOSS, name: 'Now Another', email: 'new@example.com' }), first)
    t.not(await idOf(noticeOf('limit'), ADA), first)
    t.not(await idOf(noticeOf('user'), BOSS), first)
    const strange = {
      ...noticeOf('limit'),
      crossing: { ...noticeOf('limit').crossing, id: 'acme:3 <x>\r\nBcc: y' },
    }
    t.match(await idOf(strange, BOSS), /^<[0-9a-f]{20}@tollgate\.example>$/)
  },
)

void t.test('N3: what people typed makes no header, no recipient and no part of a mail', async (t) => {
  const sender = senderTo(t, sink.url)
  const namesOf = (raw: string) =>
    raw
      .slice(0, raw.search(/\r?\n\r?\n/))
      .split(/\r?\n(?![ \t])/)
      .map((line) => line.split(':')[0])
  const plain = await lastMail(sender, noticeOf('limit'), BOSS)
  for (const [index, text] of HOSTILE.entries()) {
    const mail = await lastMail(sender, noticeOf('limit', { orgName: text, userName: text }), {
      ...BOSS,
      name: text,
    })
    t.same(mail.to, ['grace@example.com'], `name ${index}`)
    t.same(namesOf(mail.raw), namesOf(plain.raw), 'headers')
    const to = mail.parsed.to
    t.same(Array.isArray(to) ? [] : to?.value.map(({ address }) => address), ['grace@example.com'])
    t.equal(mail.parsed.attachments.length, 0)
    t.notMatch(mail.parsed.subject, /[\r\n]/)
    t.notMatch(mail.parsed.html, '<script')
  }
})

void t.test('names in other scripts arrive as they were typed', async (t) => {
  const mail = await lastMail(
    senderTo(t, sink.url),
    noticeOf('user', { userName: 'Зоя 漢字 👩‍👩‍👧', orgName: 'Ünïcode & Søn' }),
    {
      ...BOSS,
      name: 'Żółć, Grażyna',
    },
  )
  t.equal(mail.parsed.subject, 'Зоя 漢字 👩‍👩‍👧 has used 500 credits at Ünïcode & Søn')
  t.match(mail.parsed.text, 'Зоя 漢字 👩‍👩‍👧 (ada)')
  const to = mail.parsed.to
  t.same(Array.isArray(to) ? null : to?.value.map(({ name, address }) => [name, address]), [
    ['Żółć, Grażyna', 'grace@example.com'],
  ])
})

void t.test('a mail that the server refuses for good is not tried again, any other failure is', async (t) => {
  const sender = senderTo(t, sink.url)
  t.teardown(() => void (sink.answer = () => undefined))
  const cases = [
    [550, true],
    [552, true],
    [554, true],
    [421, false],
    [450, false],
    [451, false],
    [452, false],
    [530, false],
    [535, false],
  ] as const
  for (const [code, permanent] of cases) {
    sink.answer = () => {
      throw smtpError(code, 'no such luck')
    }
    const result = await sender.send(noticeOf('limit'), BOSS)
    t.match(result, { status: 'failed', permanent, retryAfterMs: null }, String(code))
    t.match(result, { error: new RegExp(`${code}.*no such luck`) })
  }
})

void t.test('a recipient that the server does not know is permanent, one that waits is not', async (t) => {
  const url = await startServer(t, {
    disabledCommands: ['AUTH', 'STARTTLS'],
    onRcptTo: ({ address }, _session, done) =>
      done(address.startsWith('later') ? smtpError(450, 'greylisted') : smtpError(550, 'unknown user')),
  })
  const sender = senderTo(t, url)
  t.match(await sender.send(noticeOf('limit'), BOSS), {
    status: 'failed',
    permanent: true,
    error: /unknown user/,
  })
  const later = { ...BOSS, email: 'later@example.com' }
  t.match(await sender.send(noticeOf('limit'), later), {
    status: 'failed',
    permanent: false,
    error: /greylisted/,
  })
})

void t.test(
  'a server that is gone fails mails for now, without its address, and works again when it is back',
  async (t) => {
    const server = await startSmtp()
    t.teardown(() => server.stop())
    const sender = senderTo(t, server.url)
    t.same(await sender.send(noticeOf('limit'), BOSS), { status: 'sent' })
    await server.stop()
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const result = await sender.send(noticeOf('limit'), BOSS)
      t.match(result, { status: 'failed', permanent: false })
      t.notMatch(JSON.stringify(result), '127.0.0.1')
    }
    await server.restart()
    t.same(await sender.send(noticeOf('limit'), BOSS), { status: 'sent' })
    t.equal(server.mails.length, 2)
  },
)

void t.test('a server that never finishes is given up', async (t) => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.write('220 wait\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const sender = senderTo(t, `smtp://127.0.0.1:${port}`, { timeoutMs: 200 })
  const result = await sender.send(noticeOf('limit'), BOSS)
  t.match(result, { status: 'failed', permanent: false, error: 'the mail server did not finish in time' })
})

// --- encryption -----------------------------------------------------------------------------------------------------

const here = makeCertificate('IP:127.0.0.1')

async function startServer(t: Test, options: SMTPServerOptions, scheme = 'smtp'): Promise<string> {
  const server = new SMTPServer({ closeTimeout: 50, logger: false, ...options })
  server.on('error', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  t.teardown(() => new Promise<void>((resolve) => server.close(resolve)))
  const { port } = server.server.address() as AddressInfo
  return `${scheme}://127.0.0.1:${port}`
}

interface Seen {
  secure: boolean
  user: string | null
}

/** Takes mails, notes whether they came encrypted and from whom. */
function noting(seen: Seen[]): SMTPServerOptions {
  return {
    authOptional: true,
    onAuth: ({ username, password }, _session, done) =>
      password === 's%cret@' ? done(null, { user: username }) : done(smtpError(535, 'bad login')),
    onData(stream, session, done) {
      stream.resume()
      stream.once('end', () => {
        const user: unknown = session.user
        seen.push({ secure: session.secure, user: typeof user === 'string' ? user : null })
        done()
      })
    },
  }
}

void t.test('where encryption is required, nothing is sent to a server that does not offer it', async (t) => {
  const seen: Seen[] = []
  const url = await startServer(t, { ...noting(seen), disabledCommands: ['STARTTLS'] })
  t.match(await senderTo(t, url, { startTls: 'required' }).send(noticeOf('limit'), BOSS), {
    status: 'failed',
    permanent: false,
  })
  t.same(seen, [])
  t.same(await senderTo(t, url).send(noticeOf('limit'), BOSS), { status: 'sent' })
  t.same(seen, [{ secure: false, user: null }])
})

void t.test(
  'STARTTLS and TLS from the start are used, and only with a certificate that is trusted',
  async (t) => {
    for (const [scheme, secure] of [
      ['smtp', false],
      ['smtps', true],
    ] as const) {
      const seen: Seen[] = []
      const url = await startServer(t, { ...noting(seen), secure, key: here.key, cert: here.cert }, scheme)
      const untrusting = senderTo(t, url, { startTls: 'required' })
      t.match(await untrusting.send(noticeOf('limit'), BOSS), { status: 'failed', permanent: false }, scheme)
      t.same(seen, [])
      const trusting = senderTo(t, url, { startTls: 'required', ca: here.file })
      t.same(await trusting.send(noticeOf('limit'), BOSS), { status: 'sent' })
      t.same(seen, [{ secure: true, user: null }])
    }
  },
)

void t.test(
  'user and password of the URL are used, escapes decoded; a wrong one is for the operator to correct',
  async (t) => {
    const seen: Seen[] = []
    const url = await startServer(t, { ...noting(seen), key: here.key, cert: here.cert })
    const withLogin = (login: string) =>
      senderTo(t, url.replace('//', `//${login}@`), { ca: here.file, startTls: 'required' })
    t.same(await withLogin('me%40example.com:s%25cret%40').send(noticeOf('limit'), BOSS), { status: 'sent' })
    t.same(seen, [{ secure: true, user: 'me@example.com' }])
    const refused = await withLogin('me:wrong').send(noticeOf('limit'), BOSS)
    t.match(refused, { status: 'failed', permanent: false, error: /bad login/ })
    t.notMatch(JSON.stringify(refused), 'wrong')
  },
)

// --- files ----------------------------------------------------------------------------------------------------------

const silent = { info: () => undefined, warn: () => undefined }

void t.test(
  'without a mail server, mails become files that a mail program opens; a repeat replaces its own',
  async (t) => {
    const dir = join(t.testdir({}), 'data', 'mail')
    const logged: object[] = []
    const files = createMailFiles({
      dir,
      from: FROM,
      most: 100,
      logger: { ...silent, info: (fields) => void logged.push(fields) },
    })
    for (const reader of [BOSS, ADA, BOSS])
      t.same(await files.send(noticeOf('user'), reader), { status: 'sent' })
    const names = readdirSync(dir)
    t.equal(names.length, 2, names.join(' '))
    t.equal(statSync(dir).mode & 0o777, 0o700)
    for (const name of names) {
      t.match(name, /^20261112T130307123Z-c-user-1\.[0-9a-f]{20}\.eml$/)
      t.equal(statSync(join(dir, name)).mode & 0o777, 0o600)
    }
    const mails = await Promise.all(names.map((name) => simpleParser(readFileSync(join(dir, name)))))
    t.same(mails.map(({ subject }) => subject).sort(), [
      'Ada Lovelace has used 500 credits at Acme Research',
      'You have used 500 credits at Acme Research',
    ])
    t.match(logged, [{ user: 'boss', event: 'user.alert.crossed' }, { user: 'ada' }, { user: 'boss' }])
    t.match(logged[0], {
      file: join(
        dir,
        names.find((name) => logged.some((line) => (line as { file: string }).file.endsWith(name))) ?? '',
      ),
    })
  },
)

void t.test(
  'the folder of mails keeps the latest, touches no other file, and takes no name from what was typed',
  async (t) => {
    const dir = t.testdir({ 'notes.txt': 'mine' })
    const files = createMailFiles({ dir, from: FROM, most: 3, logger: silent })
    for (let minute = 10; minute < 16; minute += 1) {
      const crossing = {
        ...noticeOf('user').crossing,
        id: `../../c:${minute}/\0`,
        occurredAt: `2026-11-12T13:${minute}:00Z`,
      }
      t.same(await files.send({ ...noticeOf('user'), crossing }, { ...BOSS, user: '../../boss' }), {
        status: 'sent',
      })
    }
    const names = readdirSync(dir).sort()
    t.same(
      names.map((name) => name.slice(0, 16)),
      ['20261112T131300000', '20261112T131400000', '20261112T131500000', 'notes.txt'].map((name) =>
        name.slice(0, 16),
      ),
    )
  },
)

void t.test('a folder that cannot be written fails the mail for now, and tells no path', async (t) => {
  const dir = t.testdir({ file: 'in the way' })
  const files = createMailFiles({ dir: join(dir, 'file'), from: FROM, most: 3, logger: silent })
  t.same(await files.send(noticeOf('user'), BOSS), {
    status: 'failed',
    error: 'the mail could not be written to the data folder',
    permanent: false,
    retryAfterMs: null,
    isUnavailable: false,
  })
})

void t.test('the sender is read as it was configured', (t) => {
  t.same(parseSender('Tollgate <noreply@tollgate.example>'), FROM)
  t.same(parseSender('noreply@tollgate.example'), { ...FROM, name: '' })
  t.same(parseSender('"Tollgate, Inc." <a@b.c>'), { name: 'Tollgate, Inc.', address: 'a@b.c', domain: 'b.c' })
  for (const bad of ['Tollgate', 'a@b.c, d@e.f', '<a b@c>', '']) t.equal(parseSender(bad), null)
  t.end()
})
