<?php
// Serves a restored website in the closed room that this runs in, and fetches pages of it as a visitor would.
//
// Arguments: the folder of the website, the one that is to be served, and then the server's own words.
// Input: the path below which the website stands, and then one address a line.
// Output: a line for each address, with its status (0: no answer), where it led to and what was there, in hexadecimal; and a
// last line with what PHP wrote into its log.

const PORT = 8080;
const SECONDS = 60;
const MOST = 4 << 20;
const HOPS = 6;

function fetched(string $url): array
{
    $status = 0;
    for ($hop = 0; $hop < HOPS; $hop++) {
        $parts = parse_url($url);
        $scheme = $parts['scheme'] ?? 'http';
        $host = ($parts['host'] ?? 'localhost') . (isset($parts['port']) ? ':' . $parts['port'] : '');
        $path = ($parts['path'] ?? '/') . (isset($parts['query']) ? '?' . $parts['query'] : '');
        $from = @stream_socket_client('tcp://127.0.0.1:' . PORT, $number, $text, SECONDS);
        if ($from === false) {
            return [0, $url, ''];
        }
        fwrite($from, "GET $path HTTP/1.0\r\nHost: $host\r\nX-Dr-Scheme: $scheme\r\nAccept: text/html, */*\r\n"
            . "User-Agent: dr (rehearsal)\r\nConnection: close\r\n\r\n");
        $all = '';
        $until = time() + SECONDS;
        while (!feof($from) && strlen($all) < MOST && time() < $until) {
            stream_set_timeout($from, max(1, $until - time()));
            $piece = fread($from, 1 << 16);
            if ($piece === false) {
                break;
            }
            $all .= $piece;
        }
        $ended = feof($from);
        fclose($from);
        [$head, $body] = array_pad(explode("\r\n\r\n", $all, 2), 2, '');
        if (!$ended || !preg_match('~^HTTP/\S+ (\d{3})~', $head, $found)) {
            return [0, $url, ''];
        }
        $status = (int) $found[1];
        if ($status < 300 || $status > 399 || !preg_match('~^location:[ \t]*(\S+)~mi', $head, $found)) {
            return [$status, $url, $body];
        }
        $to = $found[1];
        if (strncmp($to, '//', 2) === 0) {
            $to = "$scheme:$to";
        } elseif (strncmp($to, '/', 1) === 0) {
            $to = "$scheme://$host$to";
        } elseif (!preg_match('~^https?://~i', $to)) {
            $to = "$scheme://$host" . preg_replace('~[^/]*$~', '', parse_url($url, PHP_URL_PATH) ?: '/') . $to;
        }
        $url = $to;
    }
    return [$status, $url, ''];
}

[, $site, $root] = $argv;
$log = ini_get('error_log');
$lines = array_map('trim', file('php://stdin'));
$below = trim(array_shift($lines), '/');
$at = rtrim("$root/$below", '/');
if (!is_dir(dirname($at))) {
    mkdir(dirname($at), 0755, true);
}
symlink($site, $at);

$nothing = [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], ['file', '/dev/null', 'w']];
$words = array_merge(array_slice($argv, 3), ['-S', '127.0.0.1:' . PORT, '-t', $root]);
$server = proc_open($words, $nothing, $pipes);
for ($look = 0; $look < 400; $look++) {
    $from = @stream_socket_client('tcp://127.0.0.1:' . PORT, $number, $text, 1);
    if ($from !== false) {
        fclose($from);
        break;
    }
    if ($server === false || !proc_get_status($server)['running']) {
        fwrite(STDERR, "the web server ended at once\n");
        exit(3);
    }
    usleep(50000);
}
foreach ($lines as $url) {
    [$status, $led, $body] = fetched($url);
    echo $status, ' ', bin2hex($led), ' ', bin2hex($body), "\n";
}
$said = $log && is_file($log) ? file_get_contents($log, false, null, 0, 1 << 20) : '';
proc_terminate($server);
echo 'log ', bin2hex($said), "\n";
