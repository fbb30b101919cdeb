<?php
// Google's sample of a web server app (https://developers.google.com/identity/protocols/oauth2/web-server), with the broker's token.
// No package is needed. Start it with `php -S localhost:8080 app.php`. See ../README.md for the variables.

const SCOPE = 'https://www.googleapis.com/auth/yt-analytics.readonly';
const REPORT = '/v2/reports?ids=channel==MINE&startDate=2026-01-01&endDate=2026-01-31&metrics=views,likes&dimensions=day';

function setting(string $name, string $default): string
{
    return getenv($name) ?: $default;
}

function call(string $method, string $url, string $token, ?array $body = null): array
{
    $headers = ["Authorization: Bearer $token"];
    if ($body !== null) {
        $headers[] = 'Content-Type: application/json';
    }
    // A refusal has a body too, which says why.
    $http = ['method' => $method, 'header' => $headers, 'ignore_errors' => true, 'follow_location' => 0];
    if ($body !== null) {
        $http['content'] = json_encode($body);
    }
    $answer = @fopen($url, 'r', false, stream_context_create(['http' => $http]));
    if ($answer === false) {
        respond(502, 'The broker or the API does not answer.');
    }
    $statusLine = stream_get_meta_data($answer)['wrapper_data'][0];
    return [(int) explode(' ', $statusLine)[1], stream_get_contents($answer)];
}

function callBroker(string $method, string $path, ?array $body = null): array
{
    $url = setting('BROKER_URL', 'http://localhost:3000') . $path;
    [$status, $answer] = call($method, $url, setting('BROKER_KEY', ''), $body);
    return [$status, json_decode($answer, true)];
}

function respond(int $status, string $body, string $type = 'text/plain; charset=utf-8'): never
{
    http_response_code($status);
    header("Content-Type: $type");
    echo $body;
    exit;
}

function redirect(string $location): never
{
    header("Location: $location", true, 303);
    exit;
}

function testApiRequest(string $user, string $returnTo): never
{
    $connect = $_GET['connect'] ?? 'success';
    // The way back from Google: any other outcome would lead there again.
    if ($connect !== 'success') {
        respond(200, "The connect ended as: $connect");
    }
    $api = setting('API_URL', 'https://youtubeanalytics.googleapis.com');
    $query = ['scope' => SCOPE, 'return_to' => $returnTo];
    while (true) {
        [$status, $token] = callBroker('GET', "/tokens/$user?" . http_build_query($query));
        if (isset($token['connect_url'])) {
            redirect($token['connect_url']);
        }
        if ($status !== 200) {
            respond(502, $token['detail']);
        }
        [$status, $report] = call('GET', $api . REPORT, $token['access_token']);
        if ($status !== 401 || isset($query['refused'])) {
            respond($status, $report, 'application/json');
        }
        // Google may end a token before its time. The broker gets another where it is named, once.
        $query['refused'] = $token['token_id'];
    }
}

function authorize(string $user, string $returnTo): never
{
    $ticket = ['user_id' => $user, 'scope' => SCOPE, 'return_to' => $returnTo, 'another_account' => true];
    [$status, $body] = callBroker('POST', '/connect/tickets', $ticket);
    $status === 201 ? redirect($body['connect_url']) : respond(502, $body['detail']);
}

function disconnect(string $user, string $mode): never
{
    $grants = [];
    $query = '';
    do {
        [$status, $body] = callBroker('GET', "/users/$user/grants$query");
        if ($status !== 200) {
            respond(502, $body['detail']);
        }
        $grants = [...$grants, ...$body['grants']];
        $query = '?' . http_build_query(['cursor' => $body['next']]);
    } while ($body['next'] !== null);
    foreach ($grants as $grant) {
        [$status, $answer] = callBroker('DELETE', "/grants/{$grant['id']}?mode=$mode");
        if ($status >= 400) {
            respond(502, $answer['detail']);
        }
    }
    redirect('/');
}

// Your app has the user of its session. Here each browser is a user, by a random id.
$user = $_COOKIE['user'] ?? '';
if (!is_string($user) || !preg_match('/^[0-9a-f]{32}$/D', $user)) {
    $user = bin2hex(random_bytes(16));
}
setcookie('user', $user, ['path' => '/', 'httponly' => true, 'samesite' => 'Lax']);
$returnTo = setting('APP_URL', 'http://localhost:8080') . '/test';

match ($_SERVER['REQUEST_METHOD'] . ' ' . parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)) {
    'GET /' => respond(200, file_get_contents(__DIR__ . '/../index.html'), 'text/html; charset=utf-8'),
    'GET /test' => testApiRequest($user, $returnTo),
    'GET /authorize' => authorize($user, $returnTo),
    'POST /revoke' => disconnect($user, 'revoke'),
    'POST /clear' => disconnect($user, 'local'),
    default => respond(404, 'Not found'),
};
