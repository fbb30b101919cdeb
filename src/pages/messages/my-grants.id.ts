import type { MyGrantsMessages } from './my-grants.en.js';
import { onDay, plural } from '../locale.js';

export const MY_GRANTS_ID: MyGrantsMessages = {
  title: 'Koneksi Google Anda',
  entry: {
    body: (app) => [
      'Lihat apa yang dapat digunakan ',
      app,
      ' di akun Google Anda, dan putuskan koneksi yang tidak lagi Anda inginkan.',
    ],
    button: 'Tampilkan koneksi saya',
    notYou: (user) => ['Bukan ', user, '? Tutup halaman ini; belum ada yang ditampilkan.'],
  },
  lead: (app, user) => ['Akun Google yang terhubung ke ', app, ' untuk ', user, '.'],
  none: (app) => [app, ' tidak terhubung ke akun Google Anda mana pun.'],
  status: {
    active: 'Terhubung',
    partial: 'Terhubung sebagian',
    suspended: 'Ditangguhkan oleh Google',
    revoking: 'Koneksi sedang diputuskan',
    dead: 'Tidak berfungsi lagi',
  },
  explain: {
    suspended:
      'Google menonaktifkan akun ini. Koneksi akan berfungsi lagi dengan sendirinya setelah akun diaktifkan kembali.',
    revoking:
      'Aplikasi tidak lagi memiliki akses. Google masih harus mengonfirmasinya; Anda tidak perlu menunggu.',
    dead: 'Google tidak lagi menerima izin ini. Hubungkan kembali akun ini untuk terus menggunakannya.',
    admin: 'Administrator Google Workspace Anda harus mengizinkan aplikasi ini terlebih dahulu.',
    serviceAccount:
      'Akses ini disiapkan oleh pengelola aplikasi. Ini bukan salah satu akun Google Anda; hubungi mereka untuk mengubahnya.',
  },
  since: (day) => `Diizinkan pada ${onDay('id', day)}.`,
  ends: (day) => `Google mengakhirinya pada ${onDay('id', day)}.`,
  reconnect: 'Hubungkan kembali',
  allowRest: 'Izinkan sisanya',
  disconnect: 'Putuskan koneksi',
  onlyShown: (app) => ['Untuk mengakhiri koneksi, hubungi ', app, ', atau lakukan di Akun Google Anda.'],
  google: (link) => [
    'Anda juga dapat melihat dan menghapus aplikasi yang terhubung di ',
    link('Akun Google Anda'),
    '.',
  ],
  more: 'Tampilkan lainnya',
  confirm: {
    title: 'Putuskan koneksi akun ini?',
    revoke: (app, account) => [
      app,
      ' tidak akan dapat lagi menggunakan ',
      account,
      '. Google akan mengakhiri izinnya, dan yang tersimpan di sini akan dihapus.',
    ],
    local: (app, account) => [
      app,
      ' tidak akan dapat lagi menggunakan ',
      account,
      ', dan yang tersimpan di sini akan dihapus. Google akan tetap mencantumkan aplikasi ini sampai Anda menghapusnya di sana juga.',
    ],
    dead: (account) => [
      'Izin ',
      account,
      ' tidak berfungsi lagi. Yang masih tersimpan di sini akan dihapus.',
    ],
    others: (account, count) => [
      'Google akan mengakhiri semua izin ',
      account,
      plural('id', count, {
        other: ' sekaligus: # koneksi lain akan ikut berakhir, mungkin milik pengguna lain.',
      }),
    ],
    own: 'Ini juga akan mengakhiri izin Anda dari koneksi lain',
    loses: 'Setelah itu aplikasi tidak dapat lagi',
    keep: 'Tetap hubungkan',
  },
  done: {
    revoked: 'Koneksi diputuskan. Google mengakhiri izinnya, dan izin itu dihapus di sini.',
    revoking: 'Koneksi diputuskan. Google masih harus mengonfirmasinya; Anda tidak perlu menunggu.',
    deleted: 'Koneksi diputuskan. Yang tersimpan di sini sudah dihapus.',
    kept: 'Koneksi ini tidak dapat diakhiri saat ini. Hubungi pengelola aplikasi.',
    gone: 'Keadaannya sudah berubah. Yang Anda lihat adalah keadaan terkini.',
  },
  connected: {
    success: 'Akun sudah terhubung.',
    partial: 'Akun sudah terhubung, tetapi Anda tidak mengizinkan semuanya.',
    pending: 'Anda telah memberikan persetujuan. Persetujuan akan segera disimpan.',
    denied: 'Anda tidak mengizinkannya. Tidak ada yang berubah.',
    failed: 'Gagal menghubungkan. Tidak ada yang berubah; coba lagi.',
  },
};
