import type { ConnectMessages } from './connect.en.js';
import { inMinutes, plural } from '../locale.js';

export const CONNECT_ID: ConnectMessages = {
  connect: {
    title: 'Hubungkan akun Google Anda',
    lead: (app) => [app, ' meminta izin untuk menggunakan akun Google Anda.'],
    user: (app) => ['Akun Anda di ', app],
    account: 'Akun Google',
    onlyAccount: (email) => [email, ', bukan akun lain'],
    onlyDomain: (domain) => ['salah satu akun ', domain, ', bukan akun lain'],
    onlyThatAccount: 'akun yang diminta aplikasi, bukan akun lain',
    asks: (app) => ['Dengan ini ', app, ' dapat'],
    promise:
      'Aplikasi tidak mendapat lebih dari ini dan yang sudah Anda izinkan sebelumnya. Aplikasi juga mengetahui akun mana yang Anda pilih.',
    next: 'Di halaman berikutnya, yaitu halaman Google, Anda memilih akun dan izin yang Anda berikan.',
    button: 'Lanjutkan ke Google',
    cancel: 'Batal',
    notYou: (user) => ['Bukan ', user, ', atau tidak meminta ini? Batalkan; belum ada yang terjadi.'],
    takeBack: (link) => ['Anda dapat mencabut izin ini kapan saja di ', link('Akun Google'), ' Anda.'],
    expires: (minutes) => `Link ini berakhir ${inMinutes('id', minutes)}.`,
  },
  technical: (count) =>
    plural('id', count, { other: count === 1 ? 'Nama teknis izin ini' : 'Nama teknis # izin ini' }),
  says: (app) => [app, ' menyatakan:'],
  privacy: 'Kebijakan privasi',
  support: 'Bantuan',
  links: 'Selengkapnya tentang aplikasi ini',
  tryAgain: 'Coba lagi',
  startAgain: 'Mulai lagi',
  back: (app) => ['Kembali ke ', app],
  getHelp: (app) => ['Minta bantuan dari ', app],
  mention: (code) => ['Jika Anda meminta bantuan, sebutkan ', code, '.'],
  errorLine: (status, code, request) => [`Kesalahan ${status} `, code, ', permintaan ', request],
  result: {
    complete: 'Terhubung',
    mayUse: (app, account) => [
      app,
      ' sekarang dapat menggunakan ',
      account,
      '. Anda dapat menutup halaman ini.',
    ],
    allowed: 'Anda mengizinkannya untuk',
    partial: 'Terhubung sebagian',
    mayUsePartly: (app, account) => [
      app,
      ' sekarang dapat menggunakan ',
      account,
      ', tetapi tidak untuk semua yang diminta.',
    ],
    missing: 'Anda tidak mengizinkannya untuk',
    consequence: (app, count) => [
      'Beberapa fitur ',
      app,
      plural('id', count, {
        other:
          count === 1
            ? ' memerlukan izin ini dan mungkin tidak berfungsi tanpanya.'
            : ' memerlukan # izin ini dan mungkin tidak berfungsi tanpanya.',
      }),
    ],
    held: 'Sudah terhubung',
    heldBody: (app) => [
      app,
      ' sudah dapat menggunakan akun Google Anda seperti yang diminta. Tidak ada yang perlu diubah. Anda dapat menutup halaman ini.',
    ],
    pending: 'Hampir selesai',
    pendingBody: (app) => [
      app,
      ' sekarang memeriksa apakah memang Anda yang meminta. Kembalilah ke sana untuk menyelesaikannya.',
    ],
    finishing: 'Hampir selesai',
    finishingBody: (app) => [
      'Anda telah memberikan persetujuan. Penyimpanannya sedikit lebih lama dari biasanya dan berjalan sendiri: Anda tidak ' +
        'perlu memulai lagi, dan dapat menutup halaman ini. ',
      app,
      ' akan segera mendapat akses.',
    ],
    waiting: 'Hampir selesai',
    waitingBody: (app) => [
      'Jawaban Google masih dalam proses penyimpanan. Muat ulang halaman ini sebentar lagi. Jika tetap seperti ini, buka link dari ',
      app,
      ' sekali lagi.',
    ],
    unfinished: 'Belum selesai',
    unfinishedBody: (app) => [
      'Jika halaman Google masih terbuka, lanjutkan di sana. Jika tidak, mulai lagi dengan link dari ',
      app,
      '.',
    ],
    denied: 'Tidak terhubung',
    deniedBody: (app) => [
      'Anda tidak mengizinkan ',
      app,
      ' menggunakan akun Google Anda. Tidak ada yang disimpan.',
    ],
    cancelled: 'Link ini telah ditarik',
    cancelledBody: (app) => [app, ' tidak lagi memerlukan jawaban Anda. Anda dapat menutup halaman ini.'],
    expired: 'Waktunya sudah habis',
    expiredBody: (app) => ['Tidak ada yang disimpan. Kembali ke ', app, ', lalu mulai lagi di sana.'],
    otherAccount: (former) => ['Ini akun yang berbeda dari sebelumnya: ', former, ' masih belum terhubung.'],
    wrongAccount: 'Perlu akun Google yang lain',
    wrongAccountBody: (app, chosen, wanted) => [
      'Anda memilih ',
      chosen,
      '. ',
      app,
      ' memerlukan ',
      wanted,
      '. Tidak ada yang disimpan. Mulai lagi, dan pilih akun tersebut.',
    ],
    anAccountOf: (domain) => ['akun dari ', domain],
    thatAccount: 'akun tertentu yang dimintanya',
  },
  embedded: {
    title: 'Buka link ini di browser Anda',
    body: (app) => [
      'Anda berada di browser yang merupakan bagian dari aplikasi lain. Google tidak mengizinkan login di sana karena ' +
        'aplikasi seperti itu dapat ikut membaca. Buka link ini di Safari, Chrome, atau Firefox, lalu hubungkan ',
      app,
      ' di sana.',
    ],
    menu: 'Buka menu aplikasi ini (⋯ atau ⋮) dan pilih “Buka di browser”; atau salin link ini dan tempelkan di browser Anda:',
    open: 'Buka di browser saya',
    goOn: 'Tetap lanjutkan di sini',
    unused: 'Link ini belum terpakai, dan tidak ada yang hilang.',
  },
  credentials: {
    done: 'Selesai',
    doneBody: (account) => [
      account,
      ' telah memberikan izin. Token refresh telah diambil: periksa output konsol untuk petunjuk selanjutnya. ' +
        'Anda dapat menutup halaman ini.',
    ],
    partial: 'Selesai sebagian',
    partialBody: (account) => [
      account,
      ' memberikan sebagian izin. Token refresh untuk bagian itu telah diambil: periksa output konsol untuk petunjuk ' +
        'selanjutnya. Anda dapat menutup halaman ini.',
    ],
    denied: 'Tidak diizinkan',
    deniedBody: 'Anda tidak memberikan izin. Kembali ke terminal untuk langkah berikutnya.',
    failed: 'Tidak berhasil',
    failedBody: 'Kembali ke terminal; keterangan selengkapnya ada di sana.',
    waiting: 'Menunggu Google',
    waitingBody: 'Buka alamat yang ditampilkan terminal. Google kemudian membawa Anda kembali ke sini.',
    over: 'Ini sudah selesai',
    overBody: 'Kembali ke terminal.',
  },
};
