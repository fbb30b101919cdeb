<?php
// Prints the user's token by google/auth, before and after a call of the API. Arguments: the API's URL, then scopes.
use Google\Auth\ApplicationDefaultCredentials;
use Google\Auth\Middleware\AuthTokenMiddleware;
use GuzzleHttp\Client;
use GuzzleHttp\HandlerStack;

require getenv('PHP_AUTOLOAD');

[$url, $scopes] = [$argv[1], array_slice($argv, 2)];
try {
    $credentials = ApplicationDefaultCredentials::getCredentials($scopes ?: null);
    $first = $credentials->fetchAuthToken()['access_token'];
    $stack = HandlerStack::create();
    $stack->push(new AuthTokenMiddleware($credentials));
    $client = new Client(['handler' => $stack, 'auth' => 'google_auth', 'http_errors' => false]);
    $status = $client->get($url)->getStatusCode();
    echo json_encode(['tokens' => [$first, $credentials->getLastReceivedToken()['access_token']], 'status' => $status]);
} catch (Exception $error) {
    echo json_encode(['error' => $error->getMessage()]);
}
