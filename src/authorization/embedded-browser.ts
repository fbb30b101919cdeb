/**
 * Browsers inside other apps. Google refuses to sign in there (`disallowed_useragent`), because such an app can read what is typed:
 * https://developers.googleblog.com/en/upcoming-security-changes-to-googles-oauth-20-authorization-endpoint-in-embedded-webviews/
 * Recognised by what they say of themselves; one that is not recognised meets Google's own page.
 */

/** The in-app browsers of apps that people open links in. */
const APPS =
  /\b(FBAN|FBAV|FB_IAB|Instagram|Line\/|MicroMessenger|Snapchat|Pinterest\/|Twitter for |LinkedInApp|BytedanceWebview|musical_ly|TikTok|Barcelona|KAKAOTALK|DingTalk)/i;
/** Android's WebView marks itself: https://developer.chrome.com/docs/multidevice/user-agent */
const ANDROID_WEBVIEW = /\bAndroid\b.*; wv\)/;
const IOS = /\b(iPhone|iPad|iPod)\b/;
/** Safari and every browser of its own name on iOS say `Safari/`; WKWebView says `Mobile/` and no more. */
const IOS_BROWSER = /\bSafari\//;
/** Google's own search app opens links in Safari's view, where Google signs in. */
const ALLOWED = /\bGSA\//;
/** Longer than that of any browser. A header may have 16 kB, and a pattern can take time that grows with the square of the length. */
const MAX_LENGTH = 1000;

/** @param header as it was sent */
export function isEmbeddedBrowser(header: string | undefined): boolean {
  const userAgent = header?.slice(0, MAX_LENGTH);
  if (userAgent === undefined || ALLOWED.test(userAgent)) return false;
  if (APPS.test(userAgent) || ANDROID_WEBVIEW.test(userAgent)) return true;
  return IOS.test(userAgent) && userAgent.includes('AppleWebKit/') && !IOS_BROWSER.test(userAgent);
}

/** Opens an https address in the default browser of Android; null for others. https://developer.chrome.com/docs/android/intents */
export function intentLink(userAgent: string | undefined, link: string): string | null {
  const { protocol, host, pathname, search } = new URL(link);
  if (protocol !== 'https:' || !/\bAndroid\b/.test(userAgent ?? '')) return null;
  const intent =
    'Intent;scheme=https;action=android.intent.action.VIEW;category=android.intent.category.BROWSABLE;end';
  return `intent://${host}${pathname}${search}#${intent}`;
}
