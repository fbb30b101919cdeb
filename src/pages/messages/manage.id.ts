import type { ManageMessages } from './manage.en.js';
import { onDay, plural } from './plural.js';

export const MANAGE_ID: ManageMessages = {
  title: 'Koneksi Google Anda',
  entry: {
    body: (app) => [
      'Di sini Anda melihat apa yang dapat digunakan ',
      app,
      ' dari akun Google Anda, dan dapat mengakhirinya.',
    ],
    button: 'Tampilkan koneksi saya',
    notYou: (user) => ['Bukan ', user, '? Tutup halaman ini; belum ada yang ditampilkan.'],
  },
  lead: (app, user) => ['Apa yang dapat digunakan ', app, ' dari akun Google milik ', user, '.'],
  none: (app) => [app, ' tidak terhubung ke akun Google Anda.'],
  status: {
    active: 'Terhubung',
    suspended: 'Ditangguhkan oleh Google',
    revoking: 'Sedang diputuskan',
    dead: 'Tidak berfungsi lagi',
  },
  explain: {
    suspended:
      'Google menonaktifkan akun ini. Koneksi akan berfungsi lagi dengan sendirinya setelah akun diaktifkan kembali.',
    revoking:
      'Aplikasi tidak lagi mendapat akses. Google masih harus mengonfirmasinya; ini berjalan tanpa Anda.',
    dead: 'Google tidak lagi menerima izin ini. Hubungkan kembali akun jika Anda ingin melanjutkan.',
    admin: 'Administrator Google Workspace Anda harus mengizinkan aplikasi ini terlebih dahulu.',
    serviceAccount:
      'Akses ini disiapkan oleh pengelola aplikasi. Ini bukan akun Google Anda; hubungi mereka untuk mengubahnya.',
  },
  since: (day) => `Diizinkan pada ${onDay('id', day)}.`,
  ends: (day) => `Google mengakhirinya pada ${onDay('id', day)}.`,
  reconnect: 'Hubungkan kembali',
  allowRest: 'Izinkan sisanya',
  disconnect: 'Putuskan',
  onlyShown: (app) => [
    'Untuk mengakhiri koneksi, hubungi ',
    app,
    ', atau lakukan di Akun Google Anda.',
  ],
  google: (link) => [
    'Google mencantumkan semua aplikasi yang Anda hubungkan di ',
    link('Akun Google Anda'),
    '.',
  ],
  more: 'Tampilkan lainnya',
  confirm: {
    title: 'Putuskan akun ini?',
    revoke: (app, account) => [
      app,
      ' tidak dapat lagi menggunakan ',
      account,
      '. Google mengakhiri izinnya, dan yang tersimpan di sini dihapus.',
    ],
    local: (app, account) => [
      app,
      ' tidak dapat lagi menggunakan ',
      account,
      ', dan yang tersimpan di sini dihapus. Google tetap mencantumkan aplikasi ini sampai Anda menghapusnya di sana juga.',
    ],
    dead: (account) => [
      'Izin ',
      account,
      ' tidak berfungsi lagi. Yang masih tersimpan di sini dihapus.',
    ],
    others: (account, count) => [
      'Google mengakhiri semua izin ',
      account,
      plural('id', count, {
        other: ' sekaligus: # koneksi lain ikut berakhir, mungkin milik pengguna lain.',
      }),
    ],
    own: 'Di antaranya, milik Anda mengizinkan untuk',
    loses: 'Setelah itu tidak dapat lagi',
    keep: 'Pertahankan',
  },
  done: {
    revoked: 'Diputuskan. Google mengakhiri izinnya, dan izin itu dihapus di sini.',
    revoking: 'Diputuskan. Google masih harus mengonfirmasinya; ini berjalan tanpa Anda.',
    deleted: 'Diputuskan. Yang tersimpan di sini sudah dihapus.',
    kept: 'Koneksi ini tidak dapat diakhiri saat ini. Hubungi pengelola aplikasi.',
    gone: 'Ini sudah berubah sementara itu. Anda melihat keadaan sekarang.',
  },
  connected: {
    success: 'Akun sudah terhubung.',
    partial: 'Akun sudah terhubung, tetapi Anda tidak mengizinkan semuanya.',
    pending: 'Google telah memberikan izin. Izin akan segera disimpan.',
    denied: 'Anda tidak mengizinkannya. Tidak ada yang berubah.',
    failed: 'Gagal menghubungkan. Tidak ada yang berubah; coba lagi.',
  },
};
