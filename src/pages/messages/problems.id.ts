import type { ProblemMessages } from './problems.en.js';

const START_AGAIN = 'Kembali ke aplikasi asal Anda, lalu mulai lagi di sana.';
const ASK = 'Anda tidak dapat memperbaikinya: hubungi pengelola aplikasi.';

export const PROBLEMS_ID: ProblemMessages = {
  reasons: {
    ticket_used: {
      title: 'Link ini hanya berlaku di browser lain',
      detail:
        'Link ini dibuka di browser lain dan hanya berfungsi di sana. Lanjutkan di browser itu, atau kembali ke aplikasi asal Anda dan mulai lagi di sini.',
    },
    ticket_expired: {
      title: 'Link ini sudah tidak berlaku',
      detail: `Link ini dibuat lebih dari 30 menit yang lalu. ${START_AGAIN}`,
    },
    ticket_cancelled: {
      title: 'Link ini telah ditarik',
      detail: `Aplikasi telah menariknya. ${START_AGAIN}`,
    },
    ticket_invalid: {
      title: 'Link ini tidak berfungsi',
      detail:
        'Link rusak atau tidak lengkap. Buka persis seperti yang diberikan aplikasi, atau mulai lagi di aplikasi.',
    },
    other_site: {
      title: 'Silakan buka sendiri link ini',
      detail:
        'Situs lain mengirim Anda ke sini. Buka link yang diberikan aplikasi, lalu tekan tombol di sana.',
    },
    state_unknown: {
      title: 'Halaman ini tidak dapat dibuka secara langsung',
      detail: `Jawaban ini bukan milik proses yang sedang berjalan. ${START_AGAIN}`,
    },
    state_missing: {
      title: 'Halaman ini tidak dapat dibuka secara langsung',
      detail: `Halaman ini hanya dapat dicapai melalui halaman Google. ${START_AGAIN}`,
    },
    malformed_response: {
      title: 'Jawaban ini tidak dapat digunakan',
      detail: `Bentuknya tidak seperti yang dikirim Google. ${START_AGAIN}`,
    },
    wrong_issuer: {
      title: 'Jawaban ini tidak dapat digunakan',
      detail: `Jawaban ini tidak berasal dari Google. ${START_AGAIN}`,
    },
    service_revoked: {
      title: 'Link ini tidak lagi valid',
      detail:
        'Aplikasi tidak boleh lagi menghubungkan akun Google di sini. Tidak ada yang disimpan. Jika masih memerlukannya, hubungi pengelola aplikasi.',
    },
    policy_changed: {
      title: 'Link ini tidak lagi valid',
      detail:
        'Aplikasi tidak boleh lagi meminta ini. Tidak ada yang disimpan. Jika masih memerlukannya, hubungi pengelola aplikasi.',
    },
    other_browser: {
      title: 'Mulai lagi di browser ini',
      detail:
        'Proses ini dimulai di browser lain, atau cookie-nya sudah hilang. Kembali ke browser tempat Anda memulai, atau mulai lagi di aplikasi.',
    },
  },
  codes: {
    invalid_request: {
      title: 'Permintaan ini tidak dapat dipahami',
      detail: 'Buka link persis seperti yang diberikan aplikasi, atau mulai lagi di aplikasi.',
    },
    not_found: {
      title: 'Halaman tidak ditemukan',
      detail: 'Periksa alamatnya, atau kembali ke aplikasi asal Anda.',
    },
    method_not_allowed: {
      title: 'Halaman ini tidak dapat dibuka seperti ini',
      detail: 'Buka link yang diberikan aplikasi.',
    },
    not_allowed: { title: 'Ini tidak diizinkan', detail: ASK },
    rate_limited: {
      title: 'Terlalu banyak permintaan',
      detail: 'Banyak permintaan datang dari jaringan Anda. Tunggu satu menit, lalu coba lagi.',
    },
    slots_full: {
      title: 'Koneksi akun Google ini terlalu banyak',
      detail:
        'Google akan mengakhiri koneksi terlama akun ini, padahal koneksi itu masih digunakan pengguna lain. Putuskan koneksi yang tidak diperlukan, atau gunakan akun Google lain.',
    },
    google_unavailable: {
      title: 'Google tidak menjawab',
      detail: 'Tidak ada masalah dengan akun Anda. Coba lagi dalam satu menit.',
    },
    client_misconfigured: { title: 'Google menolak aplikasi ini', detail: ASK },
    database_unavailable: {
      title: 'Layanan ini tidak tersedia',
      detail:
        'Tidak ada yang hilang. Coba lagi dalam satu menit; jika tetap terjadi, hubungi pengelola aplikasi.',
    },
    internal_error: {
      title: 'Terjadi kesalahan',
      detail:
        'Coba lagi. Jika tetap terjadi, hubungi pengelola aplikasi dan sebutkan nomor permintaan di bawah.',
    },
  },
  failed: {
    title: 'Tidak berhasil',
    notAllowed: `Aplikasi tidak boleh lagi meminta ini. Tidak ada yang disimpan. ${ASK}`,
  },
  failures: {
    google_unavailable: 'Google tidak menjawab tepat waktu. Tidak ada masalah dengan akun Anda: coba lagi.',
    client_misconfigured: `Google sedang menolak aplikasi ini. Tidak ada yang disimpan. ${ASK}`,
    org_internal:
      'Hanya akun dari organisasi pemilik aplikasi ini yang dapat menggunakannya. Pilih akun dari organisasi tersebut.',
    policy_rejected:
      'Administrator Google Workspace Anda belum menyetujui aplikasi ini atau salah satu izin yang dimintanya. Mintalah persetujuan administrator.',
    code_rejected: 'Google menolak kode login. Mungkin kode itu sudah digunakan. Mulai lagi di aplikasi.',
    scope_rejected: `Google tidak mengenal salah satu izin yang diminta. Tidak ada yang disimpan. ${ASK}`,
    no_refresh_token: 'Google hanya memberikan akses sementara. Tidak ada yang disimpan; coba lagi.',
    google_refused: 'Google mengirim Anda kembali tanpa izin. Tidak ada yang disimpan; coba lagi.',
  },
};
