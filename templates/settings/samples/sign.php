<?php

function signature(string $systemId): string
{
    $secret = getenv('GROWLYTICS_LOGIN_SECRET');
    return hash_hmac('sha256', $systemId, $secret);
}
