<?php
// Comes before every page of a website that a rehearsal serves: the page is asked for under the website's own name, and the
// database is the one in the closed room, whatever the restored configuration says. Of what was restored nothing is changed.
(static function () {
    $secure = ($_SERVER['HTTP_X_DR_SCHEME'] ?? 'http') === 'https';
    unset($_SERVER['HTTP_X_DR_SCHEME']);
    if ($secure) {
        $_SERVER['HTTPS'] = 'on';
    }
    $host = explode(':', $_SERVER['HTTP_HOST'] ?? 'localhost');
    $_SERVER['SERVER_NAME'] = $host[0];
    $_SERVER['SERVER_PORT'] = $host[1] ?? ($secure ? '443' : '80');
    if (getenv('DR_DATABASE') === false) {
        return;
    }
    // WordPress takes the first that is said of each.
    $first = [
        'DB_NAME' => getenv('DR_DATABASE'),
        'DB_USER' => getenv('DR_USER'),
        'DB_PASSWORD' => '',
        'DB_HOST' => 'localhost:' . getenv('DR_SOCKET'),
        'MYSQL_CLIENT_FLAGS' => 0,
        'DISABLE_WP_CRON' => true,
        'AUTOMATIC_UPDATER_DISABLED' => true,
        'WP_HTTP_BLOCK_EXTERNAL' => true,
        'WP_CACHE' => false,
        'WP_REDIS_DISABLED' => true,
        'WP_DEBUG' => false,
    ];
    foreach ($first as $name => $value) {
        define($name, $value);
    }
    set_error_handler(static function (int $kind, string $text) use ($first): bool {
        return preg_match('~^Constant (\w+) already defined~', $text, $found) && isset($first[$found[1]]);
    }, E_WARNING | E_NOTICE);
})();
