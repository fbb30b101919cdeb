<?php
// Prints the user's token by google/auth, before and after a call of the API. Arguments: the API's URL, then scopes.
use Google\Auth\ApplicationDefaultCredentials;
use Google\Auth\Cache\MemoryCacheItemPool;
use Google\Auth\Middleware\AuthTokenMiddleware;
use GuzzleHttp\Client;
use GuzzleHttp\HandlerStack;

require getenv('PHP_AUTOLOAD');

[$url, $scopes] = [$argv[1], array_slice($argv, 2)];
try {
    // Without a cache it asks for a token for each call; Google's API client for PHP has this one.
    $cache = new MemoryCacheItemPool();
    $credentials = ApplicationDefaultCredentials::getCredentials($scopes ?: null, null, null, $cache);
    $first = $credentials->fetchAuthToken()['access_token'];
    $stack = HandlerStack::create();
    $stack->push(new AuthTokenMiddleware($credentials));
    $client = new Client(['handler' => $stack, 'auth' => 'google_auth', 'http_errors' => false]);
    $status = $client->get($url)->getStatusCode();
    echo json_encode(['tokens' => [$first, $credentials->fetchAuthToken()['access_token']], 'status' => $status]);
} catch (Exception $error) {
    echo json_encode(['error' => $error->getMessage()]);
}
